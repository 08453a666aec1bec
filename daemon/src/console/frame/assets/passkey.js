// Asks the browser for a passkey and sends its answer by the form that stands in the page. What needs it is
// hidden until it is known that this browser can, at the address for which passkeys are made.
(() => {
  "use strict";

  const CHARACTERS = { "-": "+", _: "/" };

  const bytes = (text) => {
    const plain = atob(text.replace(/[-_]/g, (one) => CHARACTERS[one]));
    return Uint8Array.from(plain, (one) => one.charCodeAt(0));
  };

  const text = (buffer) => {
    const plain = btoa(String.fromCharCode(...new Uint8Array(buffer)));
    return plain.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  };

  const known = (credential) => ({ ...credential, id: bytes(credential.id) });

  // What the daemon asks, as browsers are asked: some of them do not read it by themselves yet.
  const asked = (options) => {
    const all = { ...options, challenge: bytes(options.challenge) };
    if (options.user) all.user = known(options.user);
    for (const list of ["excludeCredentials", "allowCredentials"]) {
      if (options[list]) all[list] = options[list].map(known);
    }
    return all;
  };

  // How a device may be reached, in the words that there are today.
  const WAYS = ["ble", "hybrid", "internal", "nfc", "smart-card", "usb"];

  const answer = ({ id, rawId, type, authenticatorAttachment, response }) => {
    const said = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (response[name]) said[name] = text(response[name]);
    }
    if (response.attestationObject) {
      said.transports = (response.getTransports?.() ?? []).filter((one) => WAYS.includes(one));
    }
    return JSON.stringify({ id, rawId: text(rawId), type, authenticatorAttachment, response: said });
  };

  const why = (error, adds) => {
    switch (error.name) {
      case "InvalidStateError":
        return "На этом устройстве уже есть ваш ключ входа.";
      case "NotAllowedError":
        return adds
          ? "Ключ входа не создан: запрос отменён или время вышло. Попробуйте ещё раз."
          : "Ключ входа не выбран: запрос отменён, время вышло или здесь его нет. Попробуйте ещё раз или войдите иначе.";
      case "TypeError":
        return "Веха не ответила. Попробуйте ещё раз через минуту.";
      default:
        return "Этот браузер или устройство так не умеет.";
    }
  };

  const begin = async (form) => {
    const { options, begin: place } = form.dataset;
    if (options) return JSON.parse(options);
    const said = await fetch(place, { method: "POST", credentials: "same-origin" });
    if (!said.ok) throw new TypeError(String(said.status));
    return said.json();
  };

  const ask = async (form) => {
    const adds = form.dataset.passkey === "add";
    const told = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    told.hidden = true;
    button.disabled = true;
    try {
      const publicKey = asked(await begin(form));
      const credential = adds
        ? await navigator.credentials.create({ publicKey })
        : await navigator.credentials.get({ publicKey });
      form.elements.answer.value = answer(credential);
      form.submit();
    } catch (error) {
      told.textContent = why(error, adds);
      told.hidden = false;
    }
    button.disabled = false;
  };

  if (!window.PublicKeyCredential || !navigator.credentials) return;
  for (const part of document.querySelectorAll("[data-passkey]")) {
    if (part.dataset.origin !== location.origin) continue;
    const { passkey } = part.dataset;
    // What is said to those whose browser cannot.
    part.hidden = passkey === "otherwise";
    if (passkey !== "add" && passkey !== "sign-in") continue;
    // It could not be looked at while it was hidden.
    part.querySelector("[autofocus]")?.focus();
    part.addEventListener("submit", (event) => {
      event.preventDefault();
      ask(part);
    });
  }
})();
