// Single keys: / ? j k Enter [ ] n, and g then a letter. Links say their key by data-key ("g r", "n", "[", "]").
// Off while typing, in dialogs, and when the profile turns them off (no data-shortcuts on <html>).
const GO_WAIT_MS = 1500;
let goUntil = 0;

function isTyping(target) {
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

function follow(key) {
  const link = document.querySelector(`[data-key="${CSS.escape(key)}"]:not([aria-disabled=true])`);
  link?.click();
  return Boolean(link);
}

function rows() {
  return [...document.querySelectorAll("[data-rows] > tr, [data-rows] > li")].filter((row) => row.offsetParent && row.querySelector("a"));
}

function move(by) {
  const all = rows();
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1)];
  const link = next?.querySelector("th a, a");
  link?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return Boolean(link);
}

const KEYS = {
  "/": () => {
    const field = document.querySelector("[data-search]");
    field?.focus();
    field?.select();
    return Boolean(field);
  },
  "?": () => {
    document.getElementById("keys")?.showModal();
    return true;
  },
  j: () => move(1),
  k: () => move(-1),
  g: () => {
    goUntil = Date.now() + GO_WAIT_MS;
    return true;
  },
};

document.addEventListener("keydown", (event) => {
  if (!("shortcuts" in document.documentElement.dataset)) return;
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const isGoing = Date.now() < goUntil;
  goUntil = 0;
  const done = isGoing ? follow(`g ${event.key}`) : (KEYS[event.key]?.() ?? follow(event.key));
  if (done) event.preventDefault();
});
