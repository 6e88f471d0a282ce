// data-tool-outputs: says of each answer whether it is there and JSON, how much of the limit all use, and why the
// buttons wait. Earlier answers and templates go into the call their menu was opened from; data-answer-error fills
// what is empty with an error, to be edited and sent by a person. The server checks everything again.
const ERROR_OUTPUT = JSON.stringify({ error: "This call could not be answered." }, null, 2);
const encoder = new TextEncoder();

function noteFor(text) {
  if (!text.trim()) return "";
  try {
    JSON.parse(text);
    return `Valid JSON, ${encoder.encode(text).length.toLocaleString("en")} bytes.`;
  } catch (error) {
    return /^\s*[[{]/.test(text) ? `Not valid JSON (${error.message}); it is sent as plain text.` : "Plain text.";
  }
}

const unheld = new WeakMap(); // by call the text that its fields could not hold: said until it is another text

const isTypedInFields = (call) => call.querySelector("[data-mode]:checked")?.value === "fields";

const noteOf = (call, text) => (unheld.get(call) === text ? "The fields cannot hold all of this." : noteFor(text));

function stateOf(call) {
  const approvals = call.querySelectorAll("input[type=radio][name^=approve-]");
  if (approvals.length) return [...approvals].some((one) => one.checked) ? "ready" : "empty";
  if (call.querySelector("input[name^=empty-]")?.checked) return "ready";
  const boxes = [...call.querySelectorAll(isTypedInFields(call) ? "[data-field]" : "[data-output]")];
  if (!boxes.some((box) => box.value)) return "empty";
  return call.querySelector("[aria-invalid=true]") ? "bad" : "ready";
}

function checkCall(call) {
  const box = call.querySelector("[data-output]");
  const note = call.querySelector("[data-output-note]");
  if (box && note) note.textContent = isTypedInFields(call) ? "" : noteOf(call, box.value);
  const state = stateOf(call);
  for (const mark of call.querySelectorAll("[data-call-state]")) mark.hidden = mark.dataset.callState !== state;
  for (const button of call.querySelectorAll("[data-earlier]")) button.hidden = false;
  return state;
}

function bytesOf(call) {
  const boxes = [...call.querySelectorAll(isTypedInFields(call) ? "[data-field]" : "[data-output]")];
  return boxes.reduce((sum, box) => sum + encoder.encode(box.value).length, 0);
}

function check(form) {
  const calls = [...form.querySelectorAll("fieldset[data-call-id]")];
  const missing = calls.map(checkCall).filter((state) => state === "empty").length;
  const bytes = calls.reduce((sum, call) => sum + bytesOf(call), 0);
  const limit = Number(form.dataset.limit);
  const number = (value) => value.toLocaleString("en");
  const region = form.querySelector("[data-outputs-size]");
  const size = form.querySelector("[data-output]") ? `, ${number(bytes)} of ${number(limit)} bytes` : "";
  if (region && calls.length) region.textContent = `${calls.length - missing} of ${calls.length} answered${size}.`;
  for (const filler of form.querySelectorAll("[data-answer-error]")) filler.hidden = !missing;
  const closed = document.querySelector("[data-outputs-closed]")?.dataset.outputsClosed;
  const tooMuch = bytes >= limit ? "The answers are too large together" : "";
  if (closed) close(form, closed);
  const few = missing === calls.length ? "Nothing is answered yet" : `${missing} of ${calls.length} not answered yet`;
  block(form, closed || tooMuch || (missing ? few : ""));
}

// The run no longer takes these answers: the form steps back, and what was typed stays to be read and copied.
function close(form, words) {
  if (form.dataset.closed !== undefined) return;
  form.dataset.closed = "";
  form.querySelector("h2").textContent = words;
  for (const box of form.querySelectorAll("textarea, input:not([type=hidden])")) box.readOnly = true;
  const hadFocus = form.contains(document.activeElement);
  const fold = document.createElement("details");
  fold.className = "fold";
  fold.innerHTML = "<summary>What you typed, not sent</summary>";
  form.before(fold);
  fold.append(form);
  if (hadFocus) document.querySelector("#run-answered [data-lands]")?.focus();
}

function block(form, why) {
  if (form.dataset.sending !== undefined) return;
  form.toggleAttribute("data-blocked", Boolean(why));
  for (const button of form.querySelectorAll("button[type=submit][data-busy-label]")) {
    if (why) button.setAttribute("aria-disabled", "true");
    else button.removeAttribute("aria-disabled");
    button.title = why;
  }
  const told = form.querySelector("#send-why");
  if (told && !why) told.hidden = true;
  const region = form.querySelector("#submit-why");
  if (region && region.textContent !== why) region.textContent = why;
}

// Whoever presses in spite of it is told, also in words that can be seen.
function tell(form) {
  const told = form.querySelector("#send-why");
  if (!told) return;
  told.textContent = `${form.querySelector("#submit-why").textContent}. Nothing was sent.`;
  told.hidden = false;
}

const checkAll = () => document.querySelectorAll("[data-tool-outputs]").forEach(check);

// A correction is no longer invalid; the server says so again when it is.
function corrected(event) {
  if (event.target.matches("[aria-invalid]")) event.target.removeAttribute("aria-invalid");
}

let waiting;
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-tool-outputs]");
  if (!form) return;
  corrected(event);
  clearTimeout(waiting);
  waiting = setTimeout(() => check(form), 200);
});

// On window, so that it comes before the script that marks a form as being sent.
window.addEventListener("submit", (event) => {
  const form = event.target.closest?.("[data-tool-outputs]");
  if (!form) return;
  check(form);
  if (form.dataset.blocked === undefined) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  tell(form);
  const empty = form.querySelector("fieldset[data-call-id] [data-call-state=empty]:not([hidden])");
  empty?.closest("fieldset").querySelector("textarea, input, select")?.focus();
}, true);

// Fields and raw text are two views of one output: switching carries it over by the rules of output_schemas.py.
// Texts are cut out of texts and put together: a number read and written again would lose digits.
const NUMBER = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$/;
const TOKEN = /"(?:\\.|[^"\\])*"|[{}[\],:]/g;
const UNTYPABLE = /[\0-\x08\n-\x1f\p{Surrogate}]/u;
const pathOf = (field) => JSON.parse(field.dataset.path);
const quoted = (text) => JSON.stringify(text);

function isJSON(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function typedPiece(field) {
  const [kind, text] = [field.dataset.kindOf, field.value.trim()];
  if (["integer", "number"].includes(kind)) return NUMBER.test(text) ? text : quoted(field.value);
  return kind !== "string" && isJSON(text) ? text : quoted(field.value);
}

function composed(fields) {
  const members = new Map();
  for (const field of fields.filter((one) => one.value !== "")) {
    const path = pathOf(field);
    const place = path.slice(0, -1).reduce(
      (inner, name) => inner.get(name) ?? inner.set(name, new Map()).get(name), members,
    );
    place.set(path.at(-1), typedPiece(field));
  }
  return members.size ? objectText(members) : "";
}

function objectText(members, indent = "") {
  const inner = `${indent}  `;
  const textOf = (one) => (one instanceof Map ? objectText(one, inner) : one);
  return `{\n${[...members].map(([name, one]) => `${inner}${quoted(name)}: ${textOf(one)}`).join(",\n")}\n${indent}}`;
}

// Texts of an object's members by name; null for what is no object, and for one that has a name twice.
function membersOf(text) {
  if (!text.trimStart().startsWith("{")) return null;
  const found = new Map();
  let [depth, start, name] = [0, 0, null];
  for (const { 0: word, index } of text.matchAll(TOKEN)) {
    if (depth === 1 && name !== null && (word === "," || word === "}")) {
      if (found.has(name)) return null;
      found.set(name, text.slice(start, index).trim());
      name = null;
    } else if (depth === 1 && name === null && word[0] === '"') name = JSON.parse(word);
    else if (depth === 1 && word === ":") start = index + 1;
    depth += (word === "{" || word === "[") - (word === "}" || word === "]");
  }
  return found;
}

// By path; objects whose members have fields are split too.
function piecesOf(fields, text) {
  const members = membersOf(text);
  const outer = new Set(fields.map(pathOf).filter((path) => path.length > 1).map((path) => path[0]));
  return members && new Map([...members].flatMap(([name, piece]) => {
    const inner = outer.has(name) ? membersOf(piece) : null;
    return inner?.size ? [...inner].map(([key, one]) => [quoted([name, key]), one]) : [[quoted([name]), piece]];
  }));
}

// False when the field does not give back this very piece: a choice it does not have, a line break it drops.
function put(field, piece) {
  const isText = piece.startsWith('"');
  const same = isText ? quoted(JSON.parse(piece)) : piece;
  field.value = isText && field.dataset.kindOf !== "enum" ? JSON.parse(piece) : same;
  return field.value !== "" && !UNTYPABLE.test(field.value) && typedPiece(field) === same;
}

function toRaw(fields, box) {
  box.value = composed(fields) || box.value;
}

// False when the fields cannot hold all of the text.
function toFields(fields, box) {
  if (!box.value.trim()) return true;
  const pieces = isJSON(box.value) ? piecesOf(fields, box.value) : null;
  const before = fields.map((field) => field.value);
  let held = 0;
  for (const field of fields) {
    const piece = pieces?.get(quoted(pathOf(field)));
    field.value = "";
    if (piece !== undefined && put(field, piece)) held += 1;
  }
  if (held === pieces?.size) return true;
  fields.forEach((field, at) => { field.value = before[at]; });
  return false;
}

document.addEventListener("change", (event) => {
  if (!event.target.matches?.("[data-mode]")) return;
  const call = event.target.closest("fieldset[data-call-id]");
  const [fields, box] = [[...call.querySelectorAll("[data-field]")], call.querySelector("[data-output]")];
  const isHeld = event.target.value === "raw" ? (toRaw(fields, box), true) : toFields(fields, box);
  if (!isHeld) {
    call.querySelector("[data-mode][value=raw]").checked = true;
    unheld.set(call, box.value);
  }
  check(call.closest("form"));
});

function fill(call, text) {
  const raw = call.querySelector("[data-mode][value=raw]");
  if (raw) raw.checked = true;
  const box = call.querySelector("[data-output]");
  box.value = text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
}

// An error satisfies no schema of an output, so the box that sends without the check is shown and ticked.
function fillError(call) {
  fill(call, ERROR_OUTPUT);
  const unchecked = call.querySelector("input[name^=unchecked-]");
  if (!unchecked) return;
  unchecked.checked = true;
  unchecked.closest("label").hidden = false;
}

document.addEventListener("click", (event) => {
  const form = event.target.closest?.("[data-answer-error] button")?.form;
  if (!form) return;
  const calls = [...form.querySelectorAll("fieldset[data-call-id]")].filter((call) => stateOf(call) === "empty");
  calls.forEach(fillError);
  calls[0]?.querySelector("[data-output]").focus();
  check(form);
});

document.addEventListener("click", (event) => {
  const opener = event.target.closest?.("[data-earlier]");
  const choice = event.target.closest?.("[data-earlier-menu] [data-fill]");
  if (opener) {
    const menu = document.getElementById(opener.getAttribute("popovertarget"));
    menu.dataset.call = opener.closest("fieldset").dataset.callId;
  }
  if (!choice) return;
  const menu = choice.closest("[data-earlier-menu]");
  fill(document.querySelector(`fieldset[data-call-id="${CSS.escape(menu.dataset.call)}"]`), choice.dataset.fill);
  menu.hidePopover();
});

// What was sent is said where the long form was: on a phone that is above the window by then.
function showSent() {
  const sent = document.querySelector("#tool-outputs[data-tone=good]:not([data-seen])");
  if (!sent) return;
  sent.dataset.seen = "";
  if (sent.getBoundingClientRect().top < 0) sent.scrollIntoView({ block: "start" });
}

checkAll();
document.addEventListener("htmx:after:swap", checkAll);
document.addEventListener("htmx:after:swap", showSent);
document.addEventListener("htmx:after:request", checkAll);
