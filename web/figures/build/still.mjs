// Draws the first state of moving figures while the book is built. Reads one request a line, {"figure", "with", "alt"},
// and answers each with one line, {"html"} or {"error"}.
import { createInterface } from "node:readline";
import { parseHTML } from "linkedom";

async function still({ figure, with: chosen, alt }) {
  const { draw } = await import(`../${figure}.mjs`);
  const { document } = parseHTML('<!doctype html><html><body><div class="stage"></div></body></html>');
  const stage = document.querySelector(".stage");
  draw(stage, chosen ?? undefined);
  if (!stage.querySelector(".picture")) throw new Error("it draws no picture");
  if (stage.querySelector("[id]")) throw new Error("it gives an element an id, which is not unique in a page");
  for (const picture of stage.querySelectorAll(".picture")) picture.setAttribute("aria-hidden", "true");
  const [first] = stage.querySelectorAll(".picture");
  first.removeAttribute("aria-hidden");
  first.setAttribute("aria-label", alt);
  // Until the live figure comes, what would do nothing keeps its place and takes no focus.
  for (const part of stage.children) if (!part.classList.contains("picture")) part.setAttribute("inert", "");
  for (const said of stage.querySelectorAll("[role=status]")) {
    said.removeAttribute("role");
    said.removeAttribute("aria-live");
  }
  return { html: stage.innerHTML };
}

for await (const line of createInterface({ input: process.stdin })) {
  const answer = await still(JSON.parse(line)).catch((problem) => ({ error: String(problem.message ?? problem) }));
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
