// Peer: ussd-menu-builder on express, sessions in Redis, a menu per request (the shared one of its README
// answers callers with each other's data).
const express = require("express");
const { createClient } = require("redis");
const UssdMenu = require("ussd-menu-builder");

const SESSION_SECONDS = 180;
const store = createClient({ url: process.env.PEER_REDIS_URL });

function menuOf(session) {
  const menu = new UssdMenu();
  menu.sessionConfig({
    start: () => Promise.resolve(),
    get: (_id, key) => Promise.resolve(session[key]),
    set: (_id, key, value) => Promise.resolve((session[key] = value)),
    end: () => Promise.resolve(),
  });
  menu.startState({
    run: () => menu.con("Haba Fund: little by little\n1. Contribute\n2. My balance"),
    next: { 1: "amount" },
  });
  menu.state("amount", {
    run: () => menu.con("Enter the amount in shillings"),
    next: { "*^\\d+$": "confirm" },
  });
  menu.state("confirm", {
    run: () => {
      menu.session.set("amount", menu.val).then(() => {
        menu.con(`Contribute KES ${menu.val}?\n1. Yes\n2. No`);
      });
    },
    next: { 1: "done", 2: "nothing" },
  });
  menu.state("done", {
    run: () => {
      menu.session.get("amount").then((amount) => {
        menu.end(`Thank you. You will be asked to pay KES ${amount}.`);
      });
    },
  });
  menu.state("nothing", { run: () => menu.end("Nothing was done. Dial again any time.") });
  return menu;
}

const app = express();
app.disable("x-powered-by");
app.disable("etag");
app.use(express.urlencoded({ extended: false }));
app.post("/ussd", async (request, response) => {
  const key = `ussd:${request.body.sessionId}`;
  const stored = await store.get(key);
  const session = stored ? JSON.parse(stored) : {};
  const screen = await menuOf(session).run(request.body);
  await store.setEx(key, SESSION_SECONDS, JSON.stringify(session));
  response.type("text/plain").send(screen);
});

store.connect().then(() => app.listen(Number(process.env.PEER_PORT), "127.0.0.1"));
