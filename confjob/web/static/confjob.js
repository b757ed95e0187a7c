// What every page can do beside what it shows: the keys, the colours, and copying.
"use strict";
(() => {
  const root = document.documentElement;
  const announcer = () => document.getElementById("announcer");

  const isTyping = (element) =>
    element instanceof HTMLElement && (element.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName));

  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

  const switchTheme = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    document.cookie = `confjob-theme=${root.dataset.theme}; path=/; max-age=31536000; samesite=strict`;
    say(`${root.dataset.theme} colours`);
  };

  const say = (text) => {
    const place = announcer();
    if (place) place.textContent = text;
  };

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    const text = source ? ("value" in source ? source.value : source.textContent) : "";
    try {
      await navigator.clipboard.writeText(text);
      say("copied");
      button.dataset.copied = "";
      setTimeout(() => delete button.dataset.copied, 1500);
    } catch {
      if (source) getSelection().selectAllChildren(source);
      say("selected; copy it with the keyboard");
    }
  };

  const items = () => [...document.querySelectorAll("[data-list] [data-item]")].filter((item) => item.offsetParent);

  const step = (by) => {
    const all = items();
    if (!all.length) return;
    const at = all.findIndex((item) => item.contains(document.activeElement));
    const next = all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)];
    const focusable = next.matches("a, button, [tabindex]") ? next : next.querySelector("a, button, [tabindex]");
    focusable?.focus();
    next.scrollIntoView({ block: "nearest" });
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      if (isTyping(document.activeElement)) document.activeElement.blur();
      return;
    }
    if (isTyping(event.target)) return;
    if (event.key === "/") {
      const search = document.querySelector("[data-search]");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select?.();
      }
    } else if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      step(event.key === "j" ? 1 : -1);
    }
  });

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("[data-copy]") : null;
    if (button) copy(button);
  });

  // A search box that hides what does not match: every word must stand somewhere in the item.
  const filterList = (input) => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const item of document.querySelectorAll(`${input.dataset.filterList} [data-item]`)) {
      const text = (item.dataset.words ?? item.textContent).toLowerCase();
      item.hidden = !words.every((word) => text.includes(word));
      if (!item.hidden) shown += 1;
    }
    const none = document.getElementById("none-matches");
    if (none) none.hidden = shown > 0;
  };

  for (const input of document.querySelectorAll("[data-filter-list]")) {
    input.hidden = false;
    input.addEventListener("input", () => filterList(input));
    input.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !input.value) return;
      event.preventDefault();
      input.value = "";
      filterList(input);
    });
    filterList(input);
  }

  // What a live part can't be brought up to date with is said once, and taken back when it can.
  const trouble = (text) => {
    let place = document.querySelector(".trouble");
    if (!text) {
      place?.remove();
      return;
    }
    if (!place) {
      place = document.createElement("p");
      place.className = "notice notice--bad trouble";
      place.setAttribute("role", "alert");
      document.body.append(place);
    }
    if (place.textContent !== text) place.textContent = text;
  };

  document.addEventListener("htmx:sendError", () => trouble("The server does not answer. Has confjob ui ended?"));
  document.addEventListener("htmx:afterOnLoad", () => trouble(""));
  document.addEventListener("htmx:responseError", (event) => {
    const status = event.detail.xhr.status;
    trouble(
      status === 401
        ? "This server has another token: open the address that confjob ui printed."
        : `The server refused (${status}). Load the page again to see why.`,
    );
  });

  const themeSwitch = document.querySelector("[data-theme-switch]");
  if (themeSwitch) {
    themeSwitch.hidden = false;
    themeSwitch.addEventListener("click", switchTheme);
  }

  window.confjob = { say, step, isTyping };
})();
