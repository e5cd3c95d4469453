// One feature phone: its screen, its keys, its pop-up from the wallet and its messages.

import { Dialogue } from "./dialogue.js";

const KEYS = [
  ["1", ""], ["2", "ABC"], ["3", "DEF"], ["4", "GHI"], ["5", "JKL"], ["6", "MNO"],
  ["7", "PQRS"], ["8", "TUV"], ["9", "WXYZ"], ["*", ""], ["0", "+"], ["#", ""],
];
const DISMISSED = "kibaba.dismissed";
const NOTICE_MILLISECONDS = 6000;

function written(number) {
  return `0${number.slice(4, 7)} ${number.slice(7, 10)} ${number.slice(10)}`;
}

function parsed(text) {
  const digits = text.replace(/[^\d]/g, "").replace(/^0(?=[17])/, "254");
  return /^(254[17]|2567|2507)\d{8}$/.test(digits) ? `+${digits}` : null;
}

function timeOf(instant) {
  return instant.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Africa/Nairobi" });
}

export class Phone {
  constructor(number, serviceCode, { moved, removed }) {
    this.number = number;
    this.serviceCode = serviceCode;
    this.moved = moved;
    this.state = null;
    this.busy = false;
    this.seen = null;
    this.dismissed = sessionStorage.getItem(`${DISMISSED}.${number}`);
    this.record = new Dialogue(serviceCode);
    this.element = document.getElementById("phone").content.firstElementChild.cloneNode(true);
    this.wire(removed);
    this.relabel();
    this.draw();
  }

  part(name) {
    return this.element.querySelector(`[data-testid="${name}"], [data-part="${name}"]`);
  }

  wire(removed) {
    const keys = this.part("keys");
    for (const [digit, letters] of KEYS) {
      const key = document.createElement("button");
      const small = document.createElement("small");
      key.type = "button";
      key.dataset.testid = `key-${digit}`;
      small.textContent = letters;
      key.append(digit, small);
      key.addEventListener("click", () => this.press(digit));
      keys.append(key);
    }
    this.part("number").addEventListener("change", (event) => this.swap(event.target));
    this.part("remove").addEventListener("click", removed);
    this.part("call").addEventListener("click", () => this.go());
    this.part("end").addEventListener("click", () => this.hangUp());
    this.part("clear").addEventListener("click", () => this.erase());
    this.part("soft-left").addEventListener("click", () => this.go());
    this.part("soft-right").addEventListener("click", () => this.hangUp());
    this.part("entry").addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.go();
      if (event.key === "Escape") this.hangUp();
    });
    this.part("prompt").addEventListener("submit", (event) => { event.preventDefault(); this.pay(); });
    this.part("prompt-cancel").addEventListener("click", () => this.send("prompt", { cancel: true }));
    this.part("write").addEventListener("click", () => {
      this.part("write-form").hidden = !this.part("write-form").hidden;
      this.part("sms-body").focus({ preventScroll: true });
    });
    this.part("record").addEventListener("click", () => {
      this.part("recorded").hidden = !this.part("recorded").hidden;
      this.drawRecord();
    });
    this.part("write-form").addEventListener("submit", (event) => { event.preventDefault(); this.write(); });
  }

  write() {
    const text = this.part("sms-body").value.trim();
    if (!text) return;
    this.send("sms", { to: this.part("sms-to").value.trim(), text });
    this.part("sms-body").value = "";
    this.part("write-form").hidden = true;
  }

  // The SIM is changed: the same handset, another number.
  swap(field) {
    const number = parsed(field.value);
    field.setAttribute("aria-invalid", String(!number));
    if (!number || number === this.number) return;
    this.number = number;
    this.state = null;
    this.seen = null;
    this.record.forget();
    this.dismissed = sessionStorage.getItem(`${DISMISSED}.${number}`);
    this.relabel();
    this.draw();
    this.moved();
  }

  relabel() {
    this.part("number").value = written(this.number);
    this.element.dataset.number = this.number;
  }

  get dialogue() {
    const screen = this.state?.screen;
    if (!screen || screen.kind === "closed" || screen.session_id === this.dismissed) return null;
    return screen;
  }

  get field() {
    return this.state?.prompt ? this.part("prompt-pin") : this.part("entry");
  }

  press(digit) {
    const field = this.field;
    if (field.maxLength < 0 || field.value.length < field.maxLength) field.value += digit;
    this.labels();
  }

  type(text) {
    this.part("entry").value = text;
    this.part("entry").focus();
    this.labels();
  }

  erase() {
    this.field.value = this.field.value.slice(0, -1);
  }

  // The green key: sends what is typed – as an answer when a menu waits for one, as a dialled code otherwise.
  go() {
    if (this.busy) return;
    if (this.state?.prompt) return void this.pay();
    const entry = this.part("entry");
    const typed = entry.value.trim();
    const dialogue = this.dialogue;
    if (dialogue && !dialogue.open && !typed) return void this.dismiss();
    if (dialogue?.open) {
      this.record.answered(typed);
      this.send("answer", { text: typed });
    } else {
      this.record.dialled(typed || this.serviceCode);
      this.send("dial", { code: typed || this.serviceCode });
    }
    entry.value = "";
  }

  hangUp() {
    this.part("entry").value = "";
    if (this.state?.prompt) return void this.send("prompt", { cancel: true });
    if (this.dialogue?.open) {
      this.record.hungUp();
      return void this.send("cancel", {});
    }
    this.dismiss();
  }

  dismiss() {
    this.dismissed = this.state?.screen?.session_id ?? null;
    if (this.dismissed) sessionStorage.setItem(`${DISMISSED}.${this.number}`, this.dismissed);
    this.draw();
  }

  pay() {
    const pin = this.part("prompt-pin").value;
    if (/^\d{4}$/.test(pin)) this.send("prompt", { pin });
    this.part("prompt-pin").value = "";
  }

  async send(action, body) {
    const number = this.number;
    this.busy = true;
    this.draw();
    try {
      const response = await fetch(`/phones/${number.slice(1)}/${action}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      this.busy = false;
      if (response.ok && number === this.number) this.show(await response.json());
    } catch { /* the next poll tells how things are */ }
    this.busy = false;
    this.draw();
    // Whoever types on another phone meanwhile keeps the keyboard.
    const ours = document.activeElement === document.body || this.element.contains(document.activeElement);
    if (ours && !this.state?.prompt) this.part("entry").focus({ preventScroll: true });
  }

  show(state) {
    const asked = this.state?.prompt?.checkout_id;
    this.state = state;
    this.record.shown(state.screen);
    this.draw();
    this.drawRecord();
    this.drawMessages();
    if (state.prompt && state.prompt.checkout_id !== asked) {
      this.part("prompt-pin").value = "";
      if (this.element.contains(document.activeElement)) this.part("prompt-pin").focus({ preventScroll: true });
    }
  }

  draw() {
    const dialogue = this.dialogue;
    const waiting = this.busy || dialogue?.kind === "waiting";
    const now = new Date();
    const day = { weekday: "short", day: "numeric", month: "short", timeZone: "Africa/Nairobi" };
    this.element.dataset.mode = waiting ? "waiting" : dialogue ? dialogue.kind : "idle";
    this.part("clock").textContent = timeOf(now);
    this.part("idle-clock").textContent = timeOf(now);
    this.part("idle-date").textContent = now.toLocaleDateString("en-GB", day);
    this.part("idle").hidden = Boolean(waiting || dialogue);
    this.part("waiting").hidden = !waiting;
    this.part("screen-text").hidden = Boolean(waiting || !dialogue);
    this.part("screen-text").textContent = dialogue?.text ?? "";
    this.part("entry").hidden = Boolean(waiting || (dialogue && !dialogue.open));
    this.part("entry").placeholder = dialogue ? "" : this.serviceCode;
    this.part("prompt").hidden = !this.state?.prompt;
    this.part("prompt-wallet").textContent = this.state?.prompt?.wallet ?? "";
    this.part("prompt-text").textContent = this.state?.prompt?.text ?? "";
    this.part("wallet-name").textContent = this.state?.wallet.name ?? "";
    const balance = this.state?.wallet.balance_cents;
    const money = { minimumFractionDigits: 2 };
    this.part("balance").textContent = balance === undefined ? "" : `${this.state.wallet.currency} ${(balance / 100).toLocaleString("en-KE", money)}`;
    this.labels();
  }

  drawRecord() {
    if (this.part("recorded").hidden) return;
    const text = this.record.isEmpty ? "Dial first." : this.record.text();
    if (this.part("record-text").value === text) return;
    URL.revokeObjectURL(this.part("record-save").href);
    this.part("record-text").value = text;
    this.part("record-save").href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
    this.part("record-save").hidden = this.record.isEmpty;
  }

  labels() {
    const mode = this.element.dataset.mode;
    const left = { menu: "Send", idle: "Call", final: "OK", error: "OK", waiting: "" };
    const right = { menu: "Cancel", idle: this.part("entry").value ? "Clear" : "", final: "", error: "", waiting: "" };
    this.part("soft-left").textContent = left[mode];
    this.part("soft-right").textContent = right[mode];
  }

  drawMessages() {
    const list = this.part("inbox");
    const messages = [...this.state.sms].reverse();
    const newest = messages[0]?.id ?? "";
    if (list.dataset.newest === newest && list.childElementCount) return;
    const known = this.seen;
    this.seen = new Set(messages.map((message) => message.id));
    list.dataset.newest = newest;
    list.replaceChildren(...messages.map((message) => this.item(message, known && !known.has(message.id))));
    if (!messages.length) {
      const none = document.createElement("li");
      none.className = "none";
      none.textContent = "No messages yet";
      list.append(none);
    }
    if (known && messages.length && !known.has(newest) && messages[0].direction === "in") this.announce(messages[0]);
  }

  item(message, fresh) {
    const item = document.createElement("li");
    const head = document.createElement("header");
    const who = document.createElement("b");
    const when = document.createElement("time");
    const text = document.createElement("span");
    item.dataset.testid = "sms";
    item.dataset.from = message.from;
    item.dataset.direction = message.direction;
    item.classList.toggle("fresh", Boolean(fresh));
    who.textContent = message.direction === "in" ? message.from : `to ${message.from}`;
    when.textContent = timeOf(new Date(message.at));
    text.dataset.testid = "sms-text";
    text.textContent = message.text;
    head.append(who, when);
    item.append(head, text);
    return item;
  }

  announce(message) {
    const notice = this.part("notice");
    notice.textContent = `✉ New message from ${message.from}`;
    notice.hidden = false;
    clearTimeout(this.noticeTimer);
    this.noticeTimer = setTimeout(() => { notice.hidden = true; }, NOTICE_MILLISECONDS);
  }
}
