// Shows a page anew when what it shows has changed. Whoever is writing is only told so: nothing is
// taken from under their hands. Without it a page is loaded again by hand.
(() => {
  "use strict";

  const { live } = document.currentScript.dataset;
  const main = () => document.getElementById("content");
  let source = null;
  let told = null;
  let passing = 0;

  // How long it is said that the page was shown anew: whoever saw it change need not be told for long.
  const MOMENT = 6000;

  // Whether somebody has begun something here that would be lost.
  const busy = () => {
    const at = document.activeElement;
    if (at?.matches("input, textarea, select") && main().contains(at)) return true;
    for (const form of main().querySelectorAll("form")) {
      for (const field of form.elements) {
        if (field.matches("[type=checkbox], [type=radio]")) {
          if (field.checked !== field.defaultChecked) return true;
        } else if (field.matches("select")) {
          if ([...field.options].some((one) => one.selected !== one.defaultSelected)
            && field.selectedIndex !== 0) return true;
        } else if (field.matches("input:not([type=hidden]), textarea")
          && field.value !== field.defaultValue) return true;
      }
    }
    return document.querySelector("[data-unsaved]") !== null;
  };

  // A line that says so, for those who cannot see that the page has changed, too.
  const say = (words, link) => {
    clearTimeout(passing);
    told?.remove();
    told = document.createElement("div");
    told.className = "notice changed";
    told.setAttribute("role", "status");
    document.body.append(told);
    const line = document.createElement("p");
    line.textContent = words;
    if (link) {
      const way = document.createElement("a");
      way.href = location.href;
      way.textContent = link;
      line.append(" ", way);
    } else {
      passing = setTimeout(() => told.remove(), MOMENT);
    }
    told.append(line);
  };

  // What was folded out, by its words, so that it can be so again.
  const folded = (all) => [...all.querySelectorAll("details")]
    .map((one) => [one.querySelector("summary")?.textContent ?? "", one]);

  const show = async () => {
    if (busy()) {
      say("На этой странице что-то изменилось.", "Показать");
      return;
    }
    let answer;
    try {
      answer = await fetch(location.href, { credentials: "same-origin" });
    } catch {
      return;
    }
    if (answer.redirected || !answer.ok) {
      stop();
      say("Страница больше не обновляется сама.", "Открыть заново");
      return;
    }
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const content = fresh.getElementById("content");
    // Somebody may have begun to write meanwhile.
    if (!content || busy()) return;
    const open = new Set(folded(main()).filter(([, one]) => one.open).map(([words]) => words));
    for (const [words, one] of folded(content)) if (open.has(words)) one.open = true;
    const focused = document.activeElement?.id;
    const anew = document.importNode(content, true);
    for (const notice of anew.querySelectorAll("[role=alert], [role=status]")) notice.removeAttribute("role");
    main().replaceWith(anew);
    document.title = fresh.title;
    if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
    document.dispatchEvent(new Event("shown"));
    say("Страница обновлена.");
  };

  const stop = () => {
    source?.close();
    source = null;
  };

  // One connection for the page that is looked at: a browser has few of them for a whole site.
  const watch = () => {
    if (document.hidden) {
      stop();
    } else if (!source) {
      source = new EventSource(after === null ? live : live.replace(/after=\d+/, `after=${after}`));
      source.addEventListener("changed", (event) => {
        after = event.lastEventId;
        show();
      });
    }
  };
  let after = null;
  document.addEventListener("visibilitychange", watch);
  window.addEventListener("pagehide", stop);
  window.addEventListener("pageshow", watch);
  watch();
})();
