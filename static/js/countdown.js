// data-countdown: m:ss until the <time datetime> inside. Each element carries the server's clock in data-now, so a
// wrong client clock does not matter; a fresh answer of the server brings a fresh data-now. Says 5, 2, 1 min and 30 s
// aloud.
const SPOKEN_S = [[300, "5 minutes"], [120, "2 minutes"], [60, "1 minute"], [30, "30 seconds"]];
const seen = new WeakMap(); // element -> { now, offsetMs, leftS }

function ticked(element) {
  const before = seen.get(element);
  const now = element.dataset.now;
  const offsetMs = before?.now === now ? before.offsetMs : Date.parse(now) - Date.now();
  const time = element.querySelector("time");
  const leftS = Math.floor((Date.parse(time.dateTime) - Date.now() - offsetMs) / 1000);
  seen.set(element, { now, offsetMs, leftS });
  return { time, leftS, before: before?.leftS };
}

function shown(leftS) {
  if (leftS <= 0) return "expired";
  const hours = Math.floor(leftS / 3600);
  const minutes = Math.floor((leftS % 3600) / 60);
  const two = (number) => String(number).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(leftS % 60)}` : `${minutes}:${two(leftS % 60)}`;
}

function speak(element, before, leftS) {
  const crossed = SPOKEN_S.find(([limit]) => before > limit && leftS <= limit);
  const region = document.getElementById("countdown-status");
  if (!crossed || !region) return;
  region.textContent = `${element.dataset.label || "The run"} expires in ${crossed[1]}`;
}

// A bar beside the countdown, in the same form.
function moveBar(element, leftS) {
  const bar = element.closest("form")?.querySelector("progress[data-time-left]");
  if (!bar) return;
  bar.value = Math.max(0, leftS);
  bar.dataset.tone = leftS < 120 ? "bad" : "warn";
}

function tick() {
  for (const element of document.querySelectorAll("[data-countdown]")) {
    const { time, leftS, before } = ticked(element);
    const text = shown(leftS);
    if (time.textContent !== text) time.textContent = text;
    element.classList.toggle("soon", leftS < 120);
    moveBar(element, leftS);
    if (before !== undefined) speak(element, before, leftS);
  }
}

tick();
setInterval(tick, 1000);
