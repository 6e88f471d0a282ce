// data-rows, #walk: a run that is opened from a list knows its neighbours there. The list lives as long as the tab.
const KEPT = "list";
const walk = document.getElementById("walk");

document.addEventListener("click", (event) => {
  const list = event.target.closest?.("a") && event.target.closest("[data-rows]:has([data-run-id])");
  if (!list) return;
  const links = [...list.querySelectorAll("tr[data-run-id] th a")].map((link) => link.href);
  const isPage = document.querySelector(".pager a") !== null;
  sessionStorage.setItem(KEPT, JSON.stringify({ links, isPage, from: location.href }));
});

function show({ links, isPage, from }) {
  const here = links.findIndex((link) => new URL(link).pathname === location.pathname);
  if (here < 0) return;
  for (const link of walk.querySelectorAll("[data-by]")) {
    const address = links[here + Number(link.dataset.by)];
    if (address) link.href = address;
    else link.setAttribute("aria-disabled", "true");
  }
  const back = walk.querySelector("[data-list]");
  back.href = from;
  back.textContent = `${here + 1} of ${links.length}${isPage ? " on this page of the list" : ""}`;
  walk.hidden = false;
}

if (walk) show(JSON.parse(sessionStorage.getItem(KEPT)) ?? { links: [] });
