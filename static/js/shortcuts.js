// Single keys: / ? j k J K x b y l, and g then a letter. Links say their key by data-key ("g r", "n", "[", "]").
// Off while typing, in dialogs, and when the profile turns them off (no data-shortcuts on <html>).
const GO_WAIT_MS = 1500;
let goUntil = 0;

function isTyping(target) {
  const fields = "textarea, select, input:not([type=checkbox], [type=radio], [type=button])";
  return target.isContentEditable || target.matches?.(fields);
}

function follow(key) {
  const link = document.querySelector(`[data-key="${CSS.escape(key)}"]:not([aria-disabled=true])`);
  link?.focus();
  link?.click();
  return Boolean(link);
}

function rows() {
  const all = [...document.querySelectorAll("[data-rows] > tr, [data-rows] > li")];
  return all.filter((row) => row.offsetParent && row.querySelector("a"));
}

const rowWithFocus = () => rows().find((row) => row.contains(document.activeElement));

function move(by) {
  const all = rows();
  const here = all.indexOf(rowWithFocus());
  const next = all[here < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(here + by, 0), all.length - 1)];
  const link = next?.querySelector("th a, a");
  link?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return Boolean(link);
}

// On a run that was opened from a list, j and k go through that list (see walk.js) unless a step has the focus.
const walkOrMove = (key, by) => (!rowWithFocus() && follow(key)) || move(by);

function press(selector, root) {
  const button = root?.querySelector(selector);
  button?.click();
  return Boolean(button);
}

const searchField = () => document.querySelector("main [data-search]") ?? document.querySelector("[data-search]");

// A field that holds what was not found is there to be typed over: as whole, by a paste or by its key.
function isSelected(field) {
  if (!field.matches?.("[data-search]") || !field.value) return false;
  return field.selectionEnd - field.selectionStart === field.value.length;
}

const KEYS = {
  "/": () => {
    const field = searchField();
    field?.focus();
    field?.select();
    return Boolean(field);
  },
  "?": () => {
    document.getElementById("keys")?.showModal();
    return true;
  },
  j: () => walkOrMove("j", 1),
  k: () => walkOrMove("k", -1),
  J: () => move(1),
  K: () => move(-1),
  x: () => press(".rowcheck", rowWithFocus()),
  b: () => {
    const first = document.querySelector("#bulk-select .btn");
    first?.focus();
    return Boolean(first);
  },
  y: () => press("[data-copy]", rowWithFocus() ?? document.querySelector("h1")),
  l: () => press("[data-pause]", document),
  g: () => {
    goUntil = Date.now() + GO_WAIT_MS;
    return true;
  },
};

document.addEventListener("keydown", (event) => {
  if (!("shortcuts" in document.documentElement.dataset)) return;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/" && isSelected(event.target)) event.preventDefault();
  if (isTyping(event.target) || document.querySelector("dialog[open]")) return;
  const isGoing = Date.now() < goUntil;
  goUntil = 0;
  const done = isGoing ? follow(`g ${event.key}`) : (KEYS[event.key]?.() ?? follow(event.key));
  if (done) event.preventDefault();
});

document.querySelector("[data-search][autofocus]")?.select();
