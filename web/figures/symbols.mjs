// Numbers and names as a reader writes them: a true minus sign, few digits, subscripts.

const LARGE = 1e5;
const SMALL = 5e-4;

/** Returns a number in few digits, three unless told otherwise: 0.0123, −2, 1.2e−5. */
export function numeral(value, digits = 3) {
  if (Number.isNaN(value)) return "not a number";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  let text;
  if (size === 0) text = "0";
  else if (size >= LARGE || size < SMALL) text = value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  else text = String(Number(value.toFixed(Math.max(0, Math.min(4, digits - 1 - Math.floor(Math.log10(size)))))));
  return text.replaceAll("-", "−");
}

/** Returns a number as it stands within a product: in brackets when it is negative. */
export function factor(value) {
  return value < 0 ? `(${numeral(value)})` : numeral(value);
}

/** Returns a name or a sentence without the marks of subscripts, for those who hear it: `w_1` is w1. */
export function plain(text) {
  return text.replaceAll("_", "");
}

/** Writes a text into a selected element of HTML or SVG; what follows an underscore becomes a subscript. */
export function write(selection, text) {
  const node = selection.node();
  const drawn = node.namespaceURI === "http://www.w3.org/2000/svg";
  node.textContent = "";
  let lowered = false;
  for (const part of text.split(/(?<=\p{L})_([\p{L}\d]+)/u).map((words, n) => ({ words, below: n % 2 === 1 }))) {
    if (!part.words) continue;
    if (drawn) {
      const piece = selection.append("tspan").text(part.words);
      if (part.below) piece.attr("font-size", "72%").attr("dy", "0.3em");
      // Each shift stays until it is taken back, measured in the size of the piece that it moves.
      else if (lowered) piece.attr("dy", "-0.216em");
      lowered = part.below;
    } else if (part.below) selection.append("sub").text(part.words);
    else node.append(node.ownerDocument.createTextNode(part.words));
  }
  return selection;
}
