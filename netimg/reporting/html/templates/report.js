"use strict";
// Tables of class "sortable" sort by a click on a heading; without scripts they stay as they are.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, column) => {
    const cells = [...body.rows].map((row) => row.cells[column]);
    if (!cells.some((cell) => cell.dataset.sort)) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") !== "descending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const value = Number.parseFloat(row.cells[column].dataset.sort);
        return Number.isNaN(value) ? -Infinity : value;
      };
      const rows = [...body.rows].sort((a, b) => (down ? key(b) - key(a) : key(a) - key(b)));
      body.append(...rows);
    });
  });
}
// Nothing stays folded on paper.
addEventListener("beforeprint", () => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
});
