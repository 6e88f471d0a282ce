// data-busy: a form that is being sent says so on its button and is not sent again until the answer is in.
function release(form) {
  delete form.dataset.sending;
  for (const button of form.querySelectorAll("[data-busy-label][aria-disabled]")) {
    button.removeAttribute("aria-disabled");
    if (button.idleNodes) button.replaceChildren(...button.idleNodes);
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-busy]");
  if (!form) return;
  if (form.dataset.sending) {
    event.preventDefault();
    event.stopImmediatePropagation();
    return;
  }
  form.dataset.sending = "";
  const isNamed = event.submitter?.matches("[data-busy-label]");
  const button = isNamed ? event.submitter : form.querySelector("[data-busy-label]");
  if (!button) return;
  button.idleNodes = [...button.childNodes];
  button.setAttribute("aria-disabled", "true");
  button.replaceChildren(button.dataset.busyLabel);
}, true);

const released = (event) => {
  // The form itself: a draft that is saved from inside of it meanwhile changes nothing.
  const form = event.target.matches?.("form[data-busy]") ? event.target : null;
  if (form) release(form);
};
document.addEventListener("htmx:after:request", released);
document.addEventListener("htmx:error", released);
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sending]").forEach(release));
