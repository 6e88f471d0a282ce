// data-copy: a button that puts its value on the clipboard and says so.
document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say(button, "Copied");
  } catch {
    // No permission, or not a secure context: select the text for the person to copy.
    say(button, copiedByHand(button.dataset.copy) ? "Copied" : "Copying is not allowed here");
  }
});

function copiedByHand(text) {
  const area = Object.assign(document.createElement("textarea"), { value: text, className: "sr" });
  document.body.append(area);
  area.select();
  const worked = document.execCommand("copy");
  area.remove();
  return worked;
}

function say(button, words) {
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), 1500);
  const region = document.getElementById("announcer");
  if (region) region.textContent = words;
}
