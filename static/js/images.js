// data-image: an image that cannot be shown says so in its place, and keeps its link.
function tell(image) {
  const words = document.createElement("span");
  words.className = "muted";
  words.textContent = `${image.alt}: it is not there any more, or is no image.`;
  image.replaceWith(words);
}

document.addEventListener("error", (event) => {
  if (event.target.matches?.("img[data-image]")) tell(event.target);
}, true);
for (const image of document.querySelectorAll("img[data-image]")) {
  if (image.complete && !image.naturalWidth) tell(image);
}
