// Writes _static/book.css of a built book: the theme's style sheets in their order and the book's own, without the rules
// that no page and no script of the book can match, without the icon fonts, and without the theme's boxes, which the book
// draws itself.
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import postcss from "postcss";
import { PurgeCSS } from "purgecss";

const built = process.argv[2];
const files = readdirSync(built, { recursive: true }).map((name) => join(built, name));
const named = (pattern) => files.filter((name) => pattern.test(name)).sort();
const sheets = [
  /styles\/theme\.css$/, /styles\/pydata-sphinx-theme\.css$/, /_static\/basic\.css$/, /_static\/pygments\.css$/,
  /styles\/sphinx-book-theme\.css$/, /_static\/togglebutton\.css$/, /_static\/copybutton\.css$/, /_static\/mystnb\..*\.css$/,
  /_static\/sphinx-design\.min\.css$/,
].flatMap(named);
const theme = postcss.parse(sheets.map((name) => readFileSync(name, "utf8")).join("\n"));
theme.walkAtRules(/^(font-face|import|charset)$/, (rule) => rule.remove());
theme.walkDecls((declaration) => {
  if (/Font ?Awesome|--fa-|--pst-icon-/.test(declaration.prop + declaration.value.replace(/\\/g, ""))) declaration.remove();
});
theme.walkRules((rule) => {
  const selectors = rule.selectors.filter((selector) => !/\.admonition|details\.hide|\.sd-(card|dropdown|summary)/.test(selector));
  if (selectors.length === 0 || rule.nodes.length === 0) rule.remove();
  else if (selectors.length < rule.selectors.length) rule.selectors = selectors;
});
theme.walkComments((comment) => comment.remove());
const [{ css }] = await new PurgeCSS().purge({
  content: [...named(/\.html$/), ...named(/_static\/.*\.js$/).filter((name) => !/fontawesome|searchindex/.test(name))],
  css: [{ raw: theme.toString() }],
  keyframes: true,
  safelist: { greedy: [/data-theme/, /data-mode/] },
});
const own = readFileSync(new URL("book.css", import.meta.url), "utf8");
writeFileSync(join(built, "_static", "book.css"), `${css.replace(/\n\s*/g, "\n")}\n${own}`);
