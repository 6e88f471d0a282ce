// data-follow: a log stays scrolled to its end while it grows, until its reader scrolls back.
const NEAR_PX = 40;
const known = new WeakSet();

function follow(log) {
  if (known.has(log)) return;
  known.add(log);
  let follows = true;
  const toEnd = () => {
    if (follows) log.scrollTop = log.scrollHeight;
  };
  log.addEventListener("scroll", () => {
    follows = log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;
  });
  new MutationObserver(toEnd).observe(log, { childList: true, subtree: true, characterData: true });
  toEnd();
}

const all = () => document.querySelectorAll("[data-follow]").forEach(follow);
all();
document.addEventListener("htmx:after:swap", all);
