// data-chart-tips, around an svg whose marks are links with an aria-label: shows what a mark is, in the chart's corner,
// while a pointer or the focus is on it. Without script its title does.

function markOf(event) {
  return event.target.closest?.("[data-chart-tips] a[aria-label]");
}

function show(event) {
  const mark = markOf(event);
  if (!mark) return;
  const plot = mark.closest("[data-chart-tips]");
  const tip = plot.querySelector(".tip") ?? plot.appendChild(document.createElement("p"));
  tip.className = "tip";
  tip.setAttribute("aria-hidden", "true");
  tip.textContent = mark.getAttribute("aria-label");
}

function hide(event) {
  markOf(event)?.closest("[data-chart-tips]").querySelector(".tip")?.remove();
}

document.addEventListener("pointerover", show);
document.addEventListener("focusin", show);
document.addEventListener("pointerout", hide);
document.addEventListener("focusout", hide);
