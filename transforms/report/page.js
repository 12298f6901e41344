"use strict";
(() => {
  const all = (selector) => Array.from(document.querySelectorAll(selector));
  const one = (selector) => document.querySelector(selector);
  document.documentElement.classList.add("js");

  // Enter in a field must not leave the page.
  for (const form of all("form")) form.addEventListener("submit", (event) => event.preventDefault());

  const figures = all("[data-gallery] > figure");
  const filter = () => {
    const split = one("[data-filter=split]").value;
    const label = one("[data-filter=label]").value;
    let shown = 0;
    for (const figure of figures) {
      const fits =
        (!split || figure.dataset.split === split) && (!label || figure.dataset.labels.split(" ").includes(label));
      figure.hidden = !fits;
      shown += fits;
    }
    one("[data-shown]").textContent = `${shown} of ${figures.length} images`;
  };
  if (figures.length) {
    for (const select of all("[data-filter]")) select.addEventListener("change", filter);
    filter(); // A browser keeps what was chosen before a reload.
  }

  const table = one("[data-labels-table]");
  const button = one("[data-all]");
  const find = one("[data-find]");
  if (button) {
    button.addEventListener("click", () => {
      table.classList.add("every");
      button.hidden = true;
    });
  }
  if (find) {
    const rows = Array.from(table.tBodies[0].rows, (row) => [row, row.cells[0].textContent.toLocaleLowerCase()]);
    const search = () => {
      const text = find.value.trim().toLocaleLowerCase();
      table.classList.toggle("searched", text !== "");
      if (button) button.hidden = text !== "" || table.classList.contains("every");
      let found = 0;
      for (const [row, name] of rows) {
        const fits = name.includes(text);
        row.hidden = !fits;
        found += fits;
      }
      one("[data-found]").textContent = text ? `${found} of ${rows.length} labels` : "";
    };
    find.addEventListener("input", search);
    search();
  }

  window.addEventListener("beforeprint", () => {
    for (const details of all("details")) details.open = true;
  });
})();
