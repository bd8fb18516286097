// What pages do beyond links and forms: stay up to date, look things up while one types, send a form once.
// Without it everything works by reloading. No other script is loaded.
"use strict";

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, signal: AbortSignal.timeout(30000) });
  if (!answer.ok || answer.redirected) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const next = fresh.getElementById(part.id);
    if (next && !part.contains(document.activeElement) && part.innerHTML !== next.innerHTML) part.replaceWith(next);
  }
}

// A page that is looked at asks within 2 s of a change, and after 14 s without one, for time left goes on; one question
// at a time. After three in a row PACE ms lie between them: in a busy bank something changes all the time.
const PACE = 5000, AHEAD = 2, STILL = 12000;

function live() {
  let waiting = null, missed = false, turn = 0, still = null;
  const soon = () => {
    missed = true;
    if (waiting || document.hidden) return;
    const wait = Math.max(500, turn - AHEAD * PACE - performance.now());
    waiting = setTimeout(ask, wait + Math.random() * 1500); // so that not all pages ask together
  };
  const ask = async () => {
    if (!document.hidden) {
      clearTimeout(still);
      missed = false;
      turn = Math.max(turn, performance.now()) + PACE;
      await refresh().catch(() => {}); // the next one comes
      still = setTimeout(soon, STILL);
    }
    waiting = null;
    if (missed) soon();
  };
  still = setTimeout(soon, STILL);
  document.addEventListener("visibilitychange", soon);
  new EventSource(document.querySelector(".brand").href + "/live").addEventListener("changed", soon);
}
if (document.querySelector("[data-live]")) live();

for (const form of document.querySelectorAll("form[data-look]")) {
  let waiting = null, turn = 0;
  form.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(async () => {
      const mine = ++turn;
      const answer = await fetch(form.dataset.look, { method: "POST", body: new URLSearchParams(new FormData(form)) });
      if (!answer.ok || mine !== turn) return; // an answer that a later one has overtaken
      const found = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of found.querySelectorAll("[id]")) {
        const old = document.getElementById(part.id);
        if (old && !old.contains(document.activeElement)) old.replaceWith(part); // never where somebody is choosing
      }
    }, 400);
  });
}

document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => { for (const form of document.forms) delete form.dataset.sent; });

const opened = location.hash && document.getElementById(location.hash.slice(1));
if (opened?.tagName === "DETAILS") opened.open = true;
document.querySelector("#problem, [aria-invalid=true]")?.scrollIntoView({ block: "center" });
document.querySelector("[aria-invalid=true]")?.focus();
