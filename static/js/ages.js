// time[data-ago], time[data-elapsed], [data-axis-from]: keeps "25 min ago", a running duration and a run's timeline
// true while the page stays open. <html data-now> is the server's clock when the page was made, so a wrong client
// clock does not matter.
const offsetMs = Date.parse(document.documentElement.dataset.now) - Date.now() || 0;
const UNITS = [["d", 86400], ["h", 3600], ["min", 60]];
const FAST_MS = 1000;
const LEAST_WIDTH = 0.5; // percent

function span(seconds) {
  const [unit, length] = UNITS.find(([, one]) => seconds >= one) || ["s", 1];
  return `${Math.floor(seconds / length)} ${unit}`;
}

function duration(seconds) {
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ${two(seconds % 60)} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${two(Math.floor(seconds / 60) % 60)} m`;
  return `${Math.floor(seconds / 86400)} d ${two(Math.floor(seconds / 3600) % 24)} h`;
}

function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// A timeline of data-axis-s seconds from data-axis-from on: the line of now, and bars that end there. Behind its end
// they wait for the server, which draws a longer one.
function move(timeline, now) {
  const share = Math.min(100, (now - Date.parse(timeline.dataset.axisFrom)) / 10 / Number(timeline.dataset.axisS));
  for (const line of timeline.querySelectorAll("line.now")) {
    line.setAttribute("x1", `${share}%`);
    line.setAttribute("x2", `${share}%`);
  }
  for (const bar of timeline.querySelectorAll("rect[data-running]")) {
    bar.setAttribute("width", `${Math.max(LEAST_WIDTH, share - parseFloat(bar.getAttribute("x")))}%`);
  }
}

setInterval(() => {
  if (document.hidden) return;
  const now = Date.now() + offsetMs;
  const passed = (element) => Math.floor((now - Date.parse(element.dateTime)) / 1000);
  for (const element of document.querySelectorAll("time[data-elapsed]")) {
    write(element, duration(Math.max(0, passed(element))));
  }
  for (const element of document.querySelectorAll("time[data-ago]")) {
    const seconds = passed(element);
    const comes = seconds < 0 && element.dataset.ago === "or-in"; // clocks differ: all else has just been
    write(element, comes ? `in ${span(-seconds)}` : `${span(Math.max(0, seconds))} ago`);
  }
  for (const timeline of document.querySelectorAll("[data-axis-from]")) move(timeline, now);
}, FAST_MS);
