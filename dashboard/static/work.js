// Keys, presence and progress for staff pages. Everything works without this file, only slower.
"use strict";

const typing = (element) => element.matches("input:not([type=checkbox]):not([type=radio]), textarea, select");

function rows() {
  return [...document.querySelectorAll("table.rows tbody tr")];
}

// j and k walk a list, Enter opens (the focused link does that by itself), a ticks a row or takes a difference.
function walk(by) {
  const all = rows();
  const here = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[Math.min(all.length - 1, Math.max(0, here < 0 ? 0 : here + by))];
  next?.querySelector("th a")?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
  if (event.key === "j") walk(1);
  else if (event.key === "k") walk(-1);
  else if (event.key === "a") {
    const box = document.activeElement.closest("table.rows tr")?.querySelector("input[type=checkbox]:enabled");
    if (box) box.checked = !box.checked;
    else document.querySelector("[data-key=a]")?.click();
  } else return;
  event.preventDefault();
});

// Where a form has several buttons, Enter in a field presses the one beside it.
document.addEventListener("keydown", (event) => {
  const button = event.key === "Enter" && !event.isComposing && document.getElementById(event.target.dataset?.enter);
  if (!button) return;
  event.preventDefault();
  button.click();
});

// Who types the number of a member means that member.
document.addEventListener("input", (event) => {
  const radio = event.target.closest(".choice")?.querySelector("input[type=radio]");
  if (radio && radio !== event.target) radio.checked = true;
});

// A form is sent once: the server refuses the second anyway, the button says so at once.
document.addEventListener("submit", (event) => {
  for (const button of event.target.elements) {
    if (button.matches("button")) setTimeout(() => { button.disabled = true; }, 0);
  }
});
window.addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});

// What is left of a payment while it is divided; the server counts again.
const division = document.querySelector("[data-split]");
if (division) {
  const minus = "\u2212";
  // A comma or a space stands before three digits: 300,50 is no amount.
  const amount = /^([0-9]{1,9}|[0-9]{1,3}(?:,[0-9]{3}){1,2}|[0-9]{1,3}(?: [0-9]{3}){1,2})(?:\.([0-9]{1,2}))?$/;
  const cents = (typed) => {
    const found = amount.exec(typed.trim().replace(/\s+/g, " "));
    return found ? Number(found[1].replace(/[ ,]/g, "")) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : 0;
  };
  division.addEventListener("input", () => {
    const amounts = [...division.querySelectorAll("input[name=amount]")];
    const rest = amounts.reduce((left, field) => left - cents(field.value), Number(division.dataset.split));
    const words = (Math.abs(rest) / 100).toLocaleString("en", { minimumFractionDigits: 2 });
    const shown = division.querySelector("[data-rest]");
    shown.textContent = (rest < 0 ? minus : "") + words;
    shown.classList.toggle("over", rest < 0);
  });
}

// What a page asks while nobody does: it keeps no session awake.
const byItself = { "X-Kibaba-By-Itself": "1" };

// Who else is here: said and asked every half minute.
const presence = document.querySelector("[data-here]");
if (presence) {
  setInterval(async () => {
    if (document.hidden) return;
    const body = new URLSearchParams({ csrf_token: presence.dataset.token });
    const answer = await fetch(presence.dataset.here, { method: "POST", body, headers: byItself }).catch(() => null);
    if (!answer?.ok) return;
    const { words } = await answer.json();
    presence.querySelector("span").textContent = words;
    presence.hidden = words === "";
  }, 30000);
}

// What is being worked on shows how far it is, without losing the place on the page.
const part = () => document.querySelector("[data-progress]");
if (part()) {
  const timer = setInterval(async () => {
    // Nothing is taken away from under somebody's hands.
    if (document.hidden || document.querySelector("#main :focus:not([tabindex])")) return;
    const answer = await fetch(location.href, { headers: byItself }).catch(() => null);
    if (!answer?.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("#main");
    document.querySelector("#main").replaceWith(fresh);
    if (!part()) clearInterval(timer);
  }, 1500);
}
