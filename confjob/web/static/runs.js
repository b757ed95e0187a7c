// Runs: ticks that outlive a refreshed table, times that tick, a log that follows or stands still.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const say = (text) => window.confjob?.say(text);

  // -- what only makes sense with a script, and what only without one ------------------------

  const prepare = () => {
    for (const element of all("[data-scripted]")) element.hidden = element.dataset.scripted === "hide";
  };

  // -- times ---------------------------------------------------------------------------------

  const clock = (seconds) => {
    const two = (number) => String(number).padStart(2, "0");
    const [days, hours, minutes] = [86400, 3600, 60].map((unit) => Math.floor(seconds / unit));
    const rest = two(seconds % 60);
    if (days) return `${days}d ${two(hours % 24)}:${two(minutes % 60)}`;
    return hours ? `${hours}:${two(minutes % 60)}:${rest}` : `${minutes}:${rest}`;
  };

  const tick = () => {
    if (document.hidden) return;
    const now = performance.now();
    for (const element of all("[data-seconds]")) {
      element.dataset.began ??= String(now - 1000 * Number(element.dataset.seconds));
      const text = clock(Math.floor((now - Number(element.dataset.began)) / 1000));
      if (element.textContent !== text) element.textContent = text;
    }
  };

  // -- ticked runs ---------------------------------------------------------------------------

  const ticked = new Set();
  const boxes = () => all("[data-runs] input[name=run]");

  const recall = () => {
    const here = new Set();
    for (const box of boxes()) {
      here.add(box.value);
      box.checked = ticked.has(box.value);
    }
    for (const run of ticked) if (!here.has(run)) ticked.delete(run);
    tell();
  };

  const tell = () => {
    const chosen = boxes().filter((box) => box.checked);
    const bar = document.querySelector("[data-doings]");
    if (!bar) return;
    bar.hidden = chosen.length === 0;
    const count = bar.querySelector("[data-count]");
    const text = chosen.length ? `${chosen.length} selected` : "";
    if (count.textContent !== text) count.textContent = text;
    const any = { cancel: chosen.some((box) => box.dataset.over === "0"), retry: chosen.length > 0 };
    any.retry = chosen.length > 0 && chosen.every((box) => box.dataset.over === "1" && box.dataset.state !== "SUCCEEDED");
    for (const button of all("[data-doing]", bar)) button.disabled = !any[button.dataset.doing];
    for (const button of all("[data-least]", bar)) button.disabled = chosen.length < Number(button.dataset.least);
    const every = document.querySelector("[data-all]");
    if (every) {
      every.checked = chosen.length > 0 && chosen.length === boxes().length;
      every.indeterminate = chosen.length > 0 && !every.checked;
    }
  };

  const set = (box, on) => {
    box.checked = on;
    if (on) ticked.add(box.value);
    else ticked.delete(box.value);
  };

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches?.("[data-submit]")) box.form.requestSubmit();
    else if (box.matches?.("[data-runs] input[name=run]")) set(box, box.checked);
    else if (box.matches?.("[data-all]")) for (const each of boxes()) set(each, box.checked);
    else return;
    tell();
  });

  document.addEventListener("reset", (event) => {
    if (!event.target.matches?.("[data-runs]")) return;
    event.preventDefault();
    for (const box of boxes()) set(box, false);
    tell();
    say("nothing is selected");
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-confirm]");
    if (button && !window.confirm(button.dataset.confirm)) event.preventDefault();
  });

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || window.confjob?.isTyping(event.target)) return;
    if (event.key === "x") {
      const box = document.activeElement?.closest("[data-item]")?.querySelector("input[name=run]");
      if (!box) return;
      set(box, !box.checked);
      tell();
      say(box.checked ? "selected" : "not selected");
    } else if (event.key === "c") {
      const button = document.querySelector("[data-doings]:not([hidden]) [data-least]:not(:disabled)");
      if (!button) return;
      event.preventDefault();
      button.click();
    } else if (event.key === "f") {
      const button = document.querySelector("[data-pause]:not([hidden])");
      if (button) button.click();
    }
  });

  // -- logs ----------------------------------------------------------------------------------

  // Lines that stay in the page; older ones can be had again.
  const MOST = 6000;
  // Seconds between tries while the server does not answer, at most.
  const SELDOM = 30;

  const log = () => document.querySelector("[data-log]");
  const paper = () => document.querySelector("[data-paper]");
  let paused = false;
  let tries = 0;
  let followed = true;
  let begun = null;

  const atEnd = (element) => element.scrollHeight - element.scrollTop - element.clientHeight < 32;

  const toEnd = () => {
    const element = paper();
    if (element) element.scrollTop = element.scrollHeight;
  };

  const state = (text) => {
    const element = document.querySelector("[data-log-state]");
    if (element && element.textContent !== text) element.textContent = text;
  };

  const showEnd = () => {
    const button = document.querySelector("[data-latest]");
    const element = paper();
    if (button && element) button.hidden = atEnd(element);
  };

  const shorten = () => {
    const element = paper();
    if (!element || !followed) return;
    const lines = all(".log__line", element);
    if (lines.length <= MOST) return;
    for (const line of lines.slice(0, lines.length - MOST)) line.remove();
    const first = element.querySelector(".log__line");
    const base = element.dataset.address;
    let older = element.querySelector(":scope > .log__more--older");
    if (!older) {
      older = document.createElement("p");
      older.className = "log__more log__more--older";
      element.prepend(older);
    }
    const link = document.createElement("a");
    link.href = `${base}?before=${first.dataset.at}`;
    link.textContent = "Older lines";
    link.setAttribute("hx-get", link.href);
    link.setAttribute("hx-target", "closest .log__more");
    link.setAttribute("hx-swap", "outerHTML");
    older.replaceChildren(link);
    window.htmx.process(older);
  };

  const begin = () => {
    const element = paper();
    begun = element;
    if (!element) return;
    followed = Boolean(element.querySelector("[data-tail]"));
    const found = element.querySelector("[data-found]");
    if (found) found.scrollIntoView({ block: "center" });
    else if (followed) toEnd();
    const wrap = localStorage.getItem("confjob-wrap");
    if (wrap === "off") setWrap(false);
    const button = document.querySelector("[data-pause]");
    if (button) button.hidden = !element.querySelector("[data-tail][hx-get]");
    element.addEventListener("scroll", showEnd, { passive: true });
    showEnd();
  };

  const setWrap = (on) => {
    log().dataset.wrap = on ? "on" : "off";
    document.querySelector("[data-wrap-switch]")?.setAttribute("aria-pressed", String(on));
    localStorage.setItem("confjob-wrap", on ? "on" : "off");
  };

  const again = () => {
    const tail = document.querySelector("[data-tail][hx-get]");
    if (tail) window.htmx.trigger(tail, "follow");
  };

  document.addEventListener("click", (event) => {
    const element = event.target.closest?.("[data-pause], [data-latest], [data-wrap-switch]");
    if (!element) return;
    if ("pause" in element.dataset) {
      paused = !paused;
      element.setAttribute("aria-pressed", String(paused));
      element.textContent = paused ? "Go on" : "Pause";
      state(paused ? "paused" : "");
      if (!paused) again();
    } else if ("latest" in element.dataset) {
      toEnd();
      paper().focus();
    } else setWrap(log().dataset.wrap === "off");
  });

  // -- htmx ----------------------------------------------------------------------------------

  let wasAtEnd = true;
  let heightBefore = 0;

  document.addEventListener("htmx:beforeRequest", (event) => {
    const element = event.detail.elt;
    const polls = element.matches("[hx-trigger^=every]");
    // Nobody looks, or somebody is about to press a button: the page stays as it is.
    const choosing = element.contains(document.activeElement) && document.activeElement.matches("select");
    const pressed = polls && (choosing || (element.matches("[data-runs]") && element.matches(":active")));
    if (polls && (document.hidden || pressed || (paused && "tail" in element.dataset))) event.preventDefault();
  });

  document.addEventListener("htmx:beforeSwap", () => {
    const element = paper();
    if (!element) return;
    wasAtEnd = atEnd(element);
    heightBefore = element.scrollHeight - element.scrollTop;
  });

  document.addEventListener("htmx:afterSwap", (event) => {
    prepare();
    recall();
    const element = paper();
    const source = event.detail.requestConfig?.elt;
    if (!element || !source) return;
    if (element !== begun) begin();
    else if (source.matches("[data-tail]")) {
      if (wasAtEnd) {
        shorten();
        toEnd();
      }
      const button = document.querySelector("[data-pause]");
      if (button) button.hidden = !element.querySelector("[data-tail][hx-get]");
    } else if (source.closest(".log__more--older")) {
      element.scrollTop = element.scrollHeight - heightBefore;
    }
    showEnd();
  });

  const fails = (event) => {
    const element = event.detail.elt;
    if (!element.matches("[hx-trigger^=every]")) {
      say("the server does not answer");
      return;
    }
    tries += 1;
    state("the server does not answer; trying again");
    document.body.dataset.lost = "";
    if ("tail" in element.dataset) setTimeout(again, 1000 * Math.min(2 ** tries, SELDOM));
  };

  document.addEventListener("htmx:sendError", fails);
  document.addEventListener("htmx:responseError", fails);
  document.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful || !tries) return;
    tries = 0;
    delete document.body.dataset.lost;
    state(paused ? "paused" : "");
  });

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) again();
  });

  prepare();
  recall();
  begin();
  tick();
  setInterval(tick, 1000);
})();
