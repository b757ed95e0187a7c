// The launch form made quick. It works without this file: each button is a plain POST. All events
// are listened to once, at the form; a form of four hundred inputs has no more listeners than one.
"use strict";
(() => {
  document.documentElement.classList.add("js");

  const WAIT = 450; // milliseconds after the last key before the preview is asked for
  let form = null;
  let timer = 0;
  let leaving = false;
  const before = new WeakMap(); // row -> what its controls held when it was first entered

  const say = (text) => {
    const place = document.getElementById("announcer");
    if (place) place.textContent = text;
  };

  // -- what is changed ---------------------------------------------------------------------

  const held = (row) => {
    const parts = [];
    for (const each of row.querySelectorAll("input[name], select[name], textarea[name]")) {
      if ((each.type === "radio" || each.type === "checkbox") && !each.checked) continue;
      parts.push(each.name, each.disabled ? "\0" : each.value);
    }
    return parts.join("\x01");
  };

  const remember = (row) => {
    if (row && !before.has(row)) before.set(row, row.hasAttribute("data-changed") && !row.hasAttribute("data-new") ? null : held(row));
  };

  const compare = (row) => {
    const known = before.get(row);
    const changed = known === null ? true : held(row) !== known;
    if (changed === row.hasAttribute("data-changed")) return;
    row.toggleAttribute("data-changed", changed);
    count();
  };

  const count = () => {
    const place = form.querySelector("[data-count]");
    if (place) place.textContent = form.querySelectorAll("[data-row][data-changed]").length;
  };

  const due = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      const panel = document.getElementById("preview");
      if (panel && window.htmx) htmx.trigger(panel, "due");
    }, WAIT);
  };

  // -- kinds, null and nothing -------------------------------------------------------------

  const modeOf = (value) => value && value.querySelector(":scope > [data-mode]");

  // Who types into a field that holds nothing means a value.
  const meant = (control) => {
    const value = control.closest("[data-value]");
    const mode = modeOf(value);
    if (!mode || (mode.value !== "unset" && mode.value !== "null")) return;
    if (mode.tagName === "SELECT") {
      const kinds = [...mode.options].map((option) => option.value);
      const text = control.value.trim();
      const wanted = /^[-+]?\d+$/.test(text) ? ["integer", "number", "any", "text"] : /^[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?$/.test(text) ? ["number", "any", "text"] : ["choice", "text", "any"];
      mode.value = wanted.find((kind) => kinds.includes(kind)) || kinds[0];
    } else {
      mode.value = mode.dataset.mode;
    }
    value.removeAttribute("data-empty");
    value.querySelector(":scope > .tag")?.remove();
  };

  // Behind a new key that is being named there is room for another one.
  const makeRoom = (row) => {
    if (row.nextElementSibling?.hasAttribute("data-new") || ![...row.querySelectorAll("input")].some((each) => each.value)) return;
    const fresh = row.cloneNode(true);
    const id = `${row.id}n`;
    for (const attribute of ["data-changed", "data-wrong", "data-told"]) fresh.removeAttribute(attribute);
    for (const each of [fresh, ...fresh.querySelectorAll("[id]")]) each.id = each.id.replace(row.id, id);
    for (const each of fresh.querySelectorAll("input")) {
      each.value = "";
      each.removeAttribute("aria-invalid");
      each.name = each.name.replace(/\+(\d+)$/, (_, number) => `+${Number(number) + 1}`);
      each.setAttribute("aria-describedby", `${id}-e`);
    }
    fresh.querySelector(".field__error").replaceChildren();
    row.after(fresh);
  };

  // -- numbers -----------------------------------------------------------------------------

  const toSlider = (slider, number) => {
    const low = Number(slider.dataset.low), high = Number(slider.dataset.high);
    const log = slider.previousElementSibling.hasAttribute("data-log") && low > 0;
    const part = log ? Math.log(number / low) / Math.log(high / low) : (number - low) / (high - low);
    return Math.round(1000 * Math.min(Math.max(part, 0), 1));
  };

  const fromSlider = (slider) => {
    const low = Number(slider.dataset.low), high = Number(slider.dataset.high), part = Number(slider.value) / 1000;
    const control = slider.previousElementSibling;
    const log = control.hasAttribute("data-log") && low > 0;
    const number = log ? low * (high / low) ** part : low + (high - low) * part;
    if (control.dataset.number === "integer") return String(Math.round(number));
    return String(Number(number.toPrecision(log ? 2 : 3)));
  };

  const slide = (root) => {
    for (const slider of root.querySelectorAll(".slider")) {
      const number = Number(slider.previousElementSibling.value);
      if (Number.isFinite(number)) slider.value = toSlider(slider, number);
    }
  };

  // 1, 2, 5, 10 where the magnitude is what matters, else one step.
  const stepped = (control, by) => {
    const text = control.value.trim();
    const number = Number(text);
    if (text === "" || !Number.isFinite(number)) return null;
    if (control.hasAttribute("data-log") && number > 0) {
      const power = Math.floor(Math.log10(number) + 1e-9), lead = number / 10 ** power;
      const up = lead < 1.99 ? [2, 0] : lead < 4.99 ? [5, 0] : [1, 1];
      const down = lead > 5.01 ? [5, 0] : lead > 2.01 ? [2, 0] : lead > 1.01 ? [1, 0] : [5, -1];
      const [digit, shift] = by > 0 ? up : down;
      return `${digit}e${power + shift}`.replace(/^(\d)e(-?\d+)$/, (all, first, exponent) => (Math.abs(exponent) < 4 ? String(Number(all)) : all));
    }
    const places = control.dataset.number === "integer" ? 0 : (text.split(/e/i)[0].split(".")[1] || "").length;
    if (/e/i.test(text)) return null;
    return (number + by * 10 ** -places).toFixed(places);
  };

  // -- search ------------------------------------------------------------------------------

  const filter = () => {
    const words = form.querySelector("[data-filter]").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const only = form.querySelector("[data-only-changed]").checked;
    const filtering = words.length > 0 || only;
    let found = 0;
    for (const row of form.querySelectorAll("[data-row]")) {
      const text = row.dataset.words || "";
      const hit = (!only || row.hasAttribute("data-changed")) && words.every((word) => text.includes(word)) && !(words.length && row.hasAttribute("data-new"));
      row.hidden = !hit;
      if (hit) found += 1;
    }
    for (const box of form.querySelectorAll("[data-absent]")) {
      const any = box.querySelector("[data-row]:not([hidden])") !== null;
      box.hidden = filtering && !any;
      if (filtering && any && !box.open) { box.open = true; box.dataset.opened = ""; }
      if (!filtering && "opened" in box.dataset) { box.open = false; delete box.dataset.opened; }
    }
    for (const group of form.querySelectorAll("[data-group], [data-section]")) {
      group.hidden = filtering && group.querySelector("[data-row]:not([hidden])") === null;
    }
    form.querySelector("[data-found]").textContent = filtering ? `${found} found` : "";
  };

  // -- asking the server -------------------------------------------------------------------

  const body = (extra) => {
    const data = new URLSearchParams(new FormData(form));
    for (const [name, value] of extra) data.append(name, value);
    return data;
  };

  const secrets = (root) => [...root.querySelectorAll("input[type=password]")].filter((each) => each.value).map((each) => [each.name, each.value]);

  const giveBack = (root, kept) => {
    for (const [name, value] of kept) {
      const control = root.querySelector(`input[type=password][name="${CSS.escape(name)}"]`);
      if (control) control.value = value;
    }
  };

  const ask = async (url, data) => {
    try {
      return await fetch(url, { method: "POST", body: data, headers: { "X-Requested-With": "form.js" } });
    } catch {
      say("The server does not answer; nothing is lost, try again");
      return null;
    }
  };

  const fragment = (text) => new DOMParser().parseFromString(text, "text/html");

  // A button of one field: the server makes the field anew.
  const edit = async (button) => {
    const row = button.closest("[data-row]");
    const value = button.value, label = button.getAttribute("aria-label") || button.textContent;
    const kept = secrets(row);
    const answer = await ask(`${form.dataset.action}/edit${form.dataset.query}`, body([["do", value]]));
    if (!answer || !answer.ok) return say("That could not be done");
    const fresh = fragment(await answer.text()).querySelector("[data-row]");
    if (!value.startsWith("reset ")) giveBack(fresh, kept);
    row.replaceWith(fresh);
    slide(fresh);
    const verb = value.split(" ")[0];
    const added = verb === "add" ? [...fresh.querySelectorAll(".rows__row")].at(-1) : null;
    const again = [...fresh.querySelectorAll("button[name=do]")].find((each) => each.value === value && !each.disabled);
    const target = (added && added.querySelector("input:not([type=hidden]), select, textarea")) || again || fresh.querySelector("input:not([type=hidden]), select, textarea, button");
    target?.focus({ preventScroll: false });
    say(label.trim());
    count();
    due();
  };

  // Anything else: the server makes the whole page anew, with all that was typed.
  const submit = async (extra, { launching = false } = {}) => {
    const kept = secrets(form);
    const pasted = form.querySelector("[name=pasted]")?.value ?? "";
    const shown = { x: scrollX, y: scrollY, id: document.activeElement?.id };
    form.setAttribute("aria-busy", "true");
    const answer = await ask(form.action, body(extra));
    form.removeAttribute("aria-busy");
    if (!answer) return;
    if (answer.redirected) {
      leaving = true;
      location.assign(answer.url);
      return;
    }
    const fresh = fragment(await answer.text()).getElementById("launch-form");
    if (!fresh) return say("The server refused; nothing is lost");
    giveBack(fresh, kept);
    const area = fresh.querySelector("[name=pasted]");
    if (area && !area.value && (answer.status === 422 || extra[0][1] !== "paste")) area.value = pasted;
    form.replaceWith(fresh);
    start(fresh);
    const summary = document.getElementById("summary");
    if (answer.status === 422 && summary) summary.focus();
    else {
      scrollTo(shown.x, shown.y);
      document.getElementById(shown.id)?.focus({ preventScroll: true });
    }
    if (launching && summary) say(summary.querySelector("h2").textContent);
  };

  // -- the preview's word about fields -----------------------------------------------------

  const tell = (panel) => {
    for (const row of form.querySelectorAll("[data-row][data-told]")) {
      row.removeAttribute("data-told");
      row.removeAttribute("data-wrong");
      document.getElementById(`${row.id}-e`).replaceChildren();
      for (const control of row.querySelectorAll("[aria-invalid]")) control.removeAttribute("aria-invalid");
    }
    for (const fault of panel.querySelectorAll("[data-for]")) {
      const row = document.getElementById(fault.dataset.for), place = document.getElementById(`${fault.dataset.for}-e`);
      if (!row || !place) continue;
      if (!row.hasAttribute("data-told")) place.replaceChildren();
      const line = document.createElement("span");
      line.textContent = fault.dataset.message;
      if (fault.dataset.hint) {
        const hint = document.createElement("span");
        hint.className = "field__hint";
        hint.textContent = fault.dataset.hint;
        line.append(" ", hint);
      }
      place.append(line);
      row.setAttribute("data-told", "");
      row.setAttribute("data-wrong", "");
      for (const control of row.querySelectorAll("input[aria-describedby], select[aria-describedby], textarea[aria-describedby]")) control.setAttribute("aria-invalid", "true");
    }
  };

  const goTo = (id) => {
    const row = document.getElementById(id);
    if (!row) return;
    for (let box = row.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    row.hidden = false;
    row.scrollIntoView({ block: "center" });
    (document.getElementById(`${id}-c`) || row.querySelector("input:not([type=hidden]), select, textarea, button"))?.focus({ preventScroll: true });
  };

  const open = new Set(); // which parts of the preview are unfolded

  // -- events, each at the document --------------------------------------------------------

  const inForm = (event) => form && event.target instanceof Element && form.contains(event.target);

  document.addEventListener("focusin", (event) => { if (inForm(event)) remember(event.target.closest("[data-row]")); });
  document.addEventListener("pointerdown", (event) => { if (inForm(event)) remember(event.target.closest("[data-row]")); }, { passive: true });

  document.addEventListener("input", (event) => {
    if (!inForm(event)) return;
    const control = event.target;
    if (control.matches("[data-filter], [data-only-changed]")) return void requestAnimationFrame(filter);
    if (control.matches(".slider")) {
      const text = control.previousElementSibling;
      text.value = fromSlider(control);
      meant(text);
    } else if (control.matches("[data-number]")) {
      const slider = control.nextElementSibling;
      if (slider && Number.isFinite(Number(control.value))) slider.value = toSlider(slider, Number(control.value));
    }
    if (control.name && control.name.startsWith("v/")) meant(control);
    const row = control.closest("[data-row]");
    if (row) {
      remember(row);
      compare(row);
      if (row.hasAttribute("data-new")) makeRoom(row);
    }
    if (!control.matches("[name=pasted]")) due();
  });

  document.addEventListener("change", (event) => {
    if (!inForm(event)) return;
    const control = event.target;
    if (control.matches("[data-reload]")) submit([["do", "reload"]]);
    if (control.matches("select[data-mode]")) {
      const button = document.createElement("button");
      const value = control.closest("[data-row]");
      button.value = `mode ${control.name}`;
      value.querySelector(".row__acts")?.append(button);
      edit(button);
    }
  });

  document.addEventListener("click", (event) => {
    if (!inForm(event)) return;
    const link = event.target.closest("[data-goto]");
    if (link) {
      event.preventDefault();
      return goTo(link.dataset.goto);
    }
    const button = event.target.closest("button[name=do]");
    if (!button || button.disabled) return;
    event.preventDefault();
    if (button.value === "launch") submit([["do", "launch"]], { launching: true });
    else if (button.value === "preview") due();
    else if (button.closest("[data-row]")) edit(button);
    else submit([["do", button.value]]);
  });

  document.addEventListener("keydown", (event) => {
    if (!inForm(event)) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.querySelector("[data-launch]")?.click();
    } else if ((event.key === "ArrowUp" || event.key === "ArrowDown") && event.target.matches("[data-number]") && !event.altKey && !event.ctrlKey) {
      const text = stepped(event.target, event.key === "ArrowUp" ? 1 : -1);
      if (text === null) return;
      event.preventDefault();
      event.target.value = text;
      event.target.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (event.key === "Escape" && event.target.matches("[data-filter]") && event.target.value) {
      event.stopPropagation();
      event.target.value = "";
      filter();
    }
  });

  document.addEventListener("submit", (event) => {
    if (event.target !== form) return;
    event.preventDefault();
    due();
  });

  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.target.id !== "preview") return;
    open.clear();
    for (const part of event.target.querySelectorAll("details[data-keep][open]")) open.add(part.dataset.keep);
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.target.id !== "preview") return;
    for (const part of event.target.querySelectorAll("details[data-keep]")) part.open = open.has(part.dataset.keep);
    tell(event.target);
  });

  // Who leaves with changes is asked; where they launch nothing is lost.
  addEventListener("beforeunload", (event) => {
    if (!leaving && form && form.querySelector("[data-row][data-changed]")) event.preventDefault();
  });

  const start = (fresh) => {
    form = fresh;
    slide(form);
    if (window.htmx) {
      htmx.process(form);
      due();
    }
  };

  const first = document.getElementById("launch-form");
  if (first) start(first);
})();
