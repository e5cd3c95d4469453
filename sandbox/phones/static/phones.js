// The page with the phones: keeps them in step with the sandbox and turns key presses into requests.

import { Phone } from "./phone.js";

const POLL_MILLISECONDS = 1000;
const KEPT = "kibaba.phones";
const FIRST_NUMBERS = ["+254712345678", "+254722000111", "+254733444555", "+254110222333"];

const shelf = document.querySelector("[data-testid=phones]");
const phones = [];
let facts = { service_code: "", people: [] };

function kept() {
  try {
    const numbers = JSON.parse(localStorage.getItem(KEPT));
    if (Array.isArray(numbers) && numbers.length) return numbers;
  } catch { /* a damaged memory is no memory */ }
  return FIRST_NUMBERS;
}

function keep() {
  localStorage.setItem(KEPT, JSON.stringify(phones.map((phone) => phone.number)));
}

function add(number) {
  const phone = new Phone(number, facts.service_code, {
    moved: () => { keep(); refresh(); },
    removed: () => {
      phones.splice(phones.indexOf(phone), 1);
      phone.element.remove();
      keep();
    },
  });
  phones.push(phone);
  shelf.append(phone.element);
  return phone;
}

function freshNumber() {
  const digits = String(10000000 + Math.floor(Math.random() * 89999999));
  return `+2547${digits}`;
}

async function refresh() {
  if (!phones.length) return;
  const numbers = phones.map((phone) => phone.number.slice(1));
  const away = document.querySelector("[data-testid=away]");
  try {
    const response = await fetch(`/phones?numbers=${numbers.join(",")}`);
    if (!response.ok) throw new Error(String(response.status));
    const states = new Map((await response.json()).map((state) => [state.number, state]));
    for (const phone of phones) {
      if (states.has(phone.number)) phone.show(states.get(phone.number));
    }
    away.hidden = true;
  } catch {
    away.hidden = false;
  }
}

function showPeople() {
  const list = document.querySelector("[data-testid=people]");
  for (const person of facts.people) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    const born = document.createElement("small");
    item.dataset.testid = "person";
    item.dataset.id = person.id;
    button.type = "button";
    button.textContent = person.id;
    button.title = "Copy this ID number";
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(person.id); } catch { /* not every browser allows it */ }
      button.textContent = "copied";
      setTimeout(() => { button.textContent = person.id; }, 900);
    });
    born.textContent = person.status === "alive" ? `born ${person.birth_date}` : `${person.status}`;
    item.append(button, person.name, born);
    list.append(item);
  }
}

async function begin() {
  facts = await (await fetch("/page.json")).json();
  const code = document.querySelector("[data-testid=service-code]");
  code.textContent = facts.service_code;
  code.addEventListener("click", () => phones[0]?.type(facts.service_code));
  document.querySelector("[data-testid=new-phone]").addEventListener("click", () => {
    const phone = add(freshNumber());
    keep();
    refresh();
    phone.element.scrollIntoView({ behavior: "smooth", block: "nearest" });
  });
  showPeople();
  kept().forEach(add);
  for (;;) {
    await refresh();
    await new Promise((resolve) => setTimeout(resolve, POLL_MILLISECONDS));
  }
}

begin();
