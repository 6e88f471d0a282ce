// data-hit: a page that was opened from a search shows the first place it found, out of the fold that hides it.
const NEAR_PX = 120; // the bar on top

if (document.querySelector("[data-hit]")) {
  const places = "#run-said mark, #step-detail mark, #conversation mark";
  const first = document.querySelector(places) ?? document.querySelector("main mark");
  for (let fold = first?.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  const top = first?.getBoundingClientRect().top;
  if (top < NEAR_PX || top > innerHeight - NEAR_PX) first.scrollIntoView({ block: "center" });
}
