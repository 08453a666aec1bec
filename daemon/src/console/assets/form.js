// Comfort for forms; everything works without it. Adds a row to a table without a reload, asks
// before an unsent form is left, and moves to the summary of mistakes.
(() => {
  "use strict";

  // A copy of the last row, empty, under the next number.
  const addRow = (rows) => {
    const most = Number(rows.dataset.most);
    if (rows.children.length >= most) return true;
    const last = rows.lastElementChild;
    const from = rows.children.length - 1;
    const to = from + 1;
    const table = rows.dataset.rows;
    const row = last.cloneNode(true);
    for (const error of row.querySelectorAll(".error, .why")) error.remove();
    for (const cell of row.querySelectorAll(".has-error")) cell.classList.remove("has-error");
    row.querySelector(".row-number").textContent = to + 1;
    for (const element of row.querySelectorAll("*")) {
      for (const { name, value } of [...element.attributes]) {
        element.setAttribute(name, value
          .replace(`${table}[${from}].`, `${table}[${to}].`)
          .replace(`-${table}-${from}-`, `-${table}-${to}-`)
          .replace(`строка ${from + 1}`, `строка ${to + 1}`));
      }
      element.removeAttribute("aria-invalid");
      if (element.type === "checkbox") element.checked = false;
      else if ("value" in element && element.matches("input, textarea, select")) element.value = "";
    }
    rows.append(row);
    row.querySelector("input, select, textarea").focus();
    return rows.children.length >= most;
  };

  for (const form of document.querySelectorAll("form[data-form]")) {
    let unsaved = "unsaved" in form.dataset;
    form.addEventListener("input", () => { unsaved = true; });
    form.addEventListener("submit", () => { unsaved = false; });
    form.addEventListener("click", (event) => {
      const button = event.target.closest('button[name="_add"]');
      if (!button) return;
      event.preventDefault();
      const rows = form.querySelector(`tbody[data-rows="${CSS.escape(button.value)}"]`);
      if (addRow(rows)) button.hidden = true;
    });
    window.addEventListener("beforeunload", (event) => {
      if (unsaved) event.preventDefault();
    });
  }

  const summary = document.getElementById("summary");
  if (summary) summary.focus();
})();
