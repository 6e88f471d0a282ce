// data-copy: a button that puts its value on the clipboard and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say(button, true);
  } catch {
    // No permission, or not a secure context.
    say(button, copiedByHand(button));
  }
});

// True only when the browser took the text: it asks for it by an event, whatever execCommand answers.
function copiedByHand(button) {
  const text = button.dataset.copy;
  let isTaken = false;
  const give = (event) => {
    event.clipboardData.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
    isTaken = true;
  };
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr" });
  (button.closest("dialog") ?? document.body).append(area); // beside a modal dialog nothing can be selected
  area.select();
  document.addEventListener("copy", give, true);
  const worked = document.execCommand("copy");
  document.removeEventListener("copy", give, true);
  area.remove();
  button.focus();
  return worked && isTaken;
}

function say(button, worked) {
  const words = worked ? "Copied" : "Copying is not allowed here";
  const mark = worked ? "done" : "failed";
  button.classList.add(mark);
  setTimeout(() => button.classList.remove(mark), 1500);
  regionFor(button.closest("dialog")).textContent = words;
}

// What is outside of a modal dialog is not read out.
function regionFor(dialog) {
  if (!dialog) return document.getElementById("announcer");
  const region = dialog.querySelector(":scope > [role=status]");
  if (region) return region;
  const made = Object.assign(document.createElement("div"), { className: "sr", role: "status" });
  dialog.append(made);
  return made;
}
