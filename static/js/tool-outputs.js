// data-tool-outputs: says of each output whether it is JSON, and how much of the limit all of them use.
const encoder = new TextEncoder();

function noteFor(text) {
  if (!text.trim()) return "";
  try {
    JSON.parse(text);
    return "Valid JSON.";
  } catch (error) {
    return /^\s*[[{]/.test(text) ? `Not valid JSON (${error.message}); it is sent as plain text.` : "Plain text.";
  }
}

function check(form) {
  const boxes = [...form.querySelectorAll("[data-output]")];
  let bytes = 0;
  let filled = 0;
  for (const box of boxes) {
    bytes += encoder.encode(box.value).length;
    const sendsEmpty = box.closest(".field").querySelector("input[type=checkbox]")?.checked;
    if (box.value || sendsEmpty) filled += 1;
    const note = box.closest(".field").querySelector("[data-output-note]");
    if (note) note.textContent = noteFor(box.value);
  }
  const region = form.querySelector("[data-outputs-size]");
  if (region && boxes.length) {
    const limit = Number(form.dataset.limit);
    region.textContent = `${filled} of ${boxes.length} ready, ${bytes.toLocaleString("en")} of ${limit.toLocaleString("en")} bytes`;
  }
}

let waiting;
document.addEventListener("input", (event) => {
  const form = event.target.closest?.("[data-tool-outputs]");
  if (!form) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => check(form), 300);
});
const checkAll = () => document.querySelectorAll("[data-tool-outputs]").forEach(check);
checkAll();
document.addEventListener("htmx:after:swap", checkAll);
