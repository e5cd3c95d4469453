// What was said between a phone and the gateway, written as a dialogue of tests/dialogues.
//
// It lives in this page only. PINs are written as others, always the same: what anybody really typed stays here.

const PINS = ["4821", "1379", "2468", "9753"];
const HEAD = "# Recorded on the sandbox phone. Say who is calling: newcomer, member_en, saver_sw, …\ngiven newcomer\n";

export class Dialogue {
  constructor(serviceCode) {
    this.serviceCode = serviceCode;
    this.last = "";
    this.forget();
  }

  forget() {
    this.lines = [];
    this.pins = new Map();
    this.screen = "";
    this.dropped = false;
  }

  get isEmpty() {
    return !this.lines.length;
  }

  dialled(code) {
    if (!this.dropped) this.forget();
    this.dropped = false;
    const prefix = `${this.serviceCode.slice(0, -1)}*`;
    const link = code.startsWith(prefix) ? code.slice(prefix.length, -1) : "";
    this.lines.push(`dial ${link}`.trim());
  }

  answered(text) {
    if (!this.isEmpty) this.lines.push(`> ${this.veiled(text)}`.trimEnd());
  }

  hungUp() {
    if (this.isEmpty) return;
    this.dropped = true;
    this.lines.push("drop");
  }

  // The state of a phone, each time it is told: a screen is written once.
  shown(screen) {
    if (!screen || screen.kind === "waiting") return;
    const name = `${screen.session_id} ${screen.hops}`;
    if (name === this.last) return;
    // Also what was there before the first call of the record is not written later.
    this.last = name;
    if (this.isEmpty || this.dropped || screen.kind === "closed") return;
    this.screen = screen.text;
    this.lines.push(...screen.text.split("\n").map((line) => `< ${line}`.trimEnd()));
    if (!screen.open) this.lines.push("* end");
  }

  veiled(text) {
    if (!/^\s*\d{4}\s*$/.test(text) || !this.screen.includes("PIN")) return text;
    const pin = text.trim();
    if (!this.pins.has(pin)) this.pins.set(pin, PINS[Math.min(this.pins.size, PINS.length - 1)]);
    return this.pins.get(pin);
  }

  text() {
    const pin = this.pins.size ? `pin ${PINS[0]}\n` : "";
    return `${HEAD}${pin}${this.lines.join("\n")}\n`;
  }
}
