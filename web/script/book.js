// Two small services to the keyboard and the screen reader.
// What scrolls sideways can be reached by keyboard, and only that: a formula, a table or code that fits is no stop.
(() => {
  const scrollers = ".scrolls, figure, .highlight pre, .cell_output pre, .pst-scrollable-table-container";
  const update = () => {
    for (const element of document.querySelectorAll(scrollers)) {
      if (element.scrollWidth > element.clientWidth + 1) element.tabIndex = 0;
      else element.removeAttribute("tabindex");
    }
  };
  // sphinx-copybutton names its buttons by a tooltip, which is no name.
  const nameButtons = () => {
    for (const button of document.querySelectorAll("button.copybtn")) button.setAttribute("aria-label", "Copy");
  };
  document.addEventListener("DOMContentLoaded", update);
  addEventListener("load", () => {
    nameButtons();
    update();
  });
  addEventListener("resize", update);
  document.addEventListener("toggle", update, true);
})();
