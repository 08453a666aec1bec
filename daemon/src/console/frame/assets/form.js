// Comfort for forms; everything works without it. Adds a row to a table without a reload, asks
// before an unsent form is left, moves to the summary of mistakes, and gives what was sent back to
// whoever comes Back.
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
    return rows.children.length >= most;
  };

  // What a form holds, without files: no page may choose those.
  const held = (form) => [...new FormData(form)].filter(([, value]) => typeof value === "string");

  // What people have said in it.
  const told = (form) =>
    JSON.stringify(held(form).filter(([name, value]) => value && !name.startsWith("_")));

  // Of a page's forms each has an address of its own or a name.
  const which = (form) => `${form.getAttribute("action")} ${form.elements._form?.value ?? ""}`;

  // Puts back what was sent, and with it the page's mark and what its writer had seen: so a second
  // send is told from the first, and what somebody else has written since is not overwritten unseen.
  const putBack = (form, sent) => {
    for (const rows of form.querySelectorAll("tbody[data-rows]")) {
      const start = `${rows.dataset.rows}[`;
      const numbers = sent.map(([name]) => name).filter((name) => name.startsWith(start));
      const last = Math.max(-1, ...numbers.map((name) => parseInt(name.slice(start.length), 10)));
      for (let missing = last + 1 - rows.children.length; missing > 0; missing -= 1) addRow(rows);
    }
    const left = [...sent];
    for (const field of form.elements) {
      const at = left.findIndex(([name, value]) => name === field.name
        && (!field.matches("[type=checkbox], [type=radio]") || value === field.value));
      if (field.matches("[type=checkbox], [type=radio]")) field.checked = at >= 0;
      else if (at >= 0 && !field.matches("[type=file], button")) field.value = left[at][1];
      if (at >= 0) left.splice(at, 1);
    }
  };

  // Whether whoever is here came by Back or Forward; a page that is loaded again begins anew.
  const [arrival] = performance.getEntriesByType("navigation");
  let kept = arrival?.type === "back_forward" ? history.state : null;

  // Forms in which something is unsaved.
  const unsaved = new Set();

  const begin = (form) => {
    if ("unsaved" in form.dataset) unsaved.add(form);
    if (kept?.form === which(form)) {
      // The browser may have put back a part of it.
      form.reset();
      const before = told(form);
      putBack(form, kept.sent);
      const folded = form.closest("details");
      if (told(form) !== before) {
        unsaved.add(form);
        if (folded) folded.open = true;
      }
    }
    form.addEventListener("input", () => { unsaved.add(form); });
    form.addEventListener("submit", () => {
      unsaved.delete(form);
      // It stays with the page's place in the history; what answered a form is asked for anew, too.
      history.replaceState({ form: which(form), sent: held(form) }, "");
    });
    form.addEventListener("click", (event) => {
      const button = event.target.closest('button[name="_add"]');
      if (!button) return;
      event.preventDefault();
      const rows = form.querySelector(`tbody[data-rows="${CSS.escape(button.value)}"]`);
      if (addRow(rows)) button.hidden = true;
      rows.lastElementChild.querySelector("input, select, textarea").focus();
    });
  };

  const beginAll = () => {
    for (const form of document.querySelectorAll("form[data-form]")) begin(form);
  };
  beginAll();
  kept = null;
  // A page that is shown anew has new forms; of the old ones none held anything.
  document.addEventListener("shown", () => {
    unsaved.clear();
    beginAll();
  });
  window.addEventListener("beforeunload", (event) => {
    if (unsaved.size > 0) event.preventDefault();
  });

  const summary = document.getElementById("summary");
  if (summary) summary.focus();
})();
