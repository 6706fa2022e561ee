"use strict";
// An event stream says that something changed; htmx then fetches the page's parts again, and charts their samples.

let stream;
let seen = document.getElementById("page").dataset.revision;

htmx.defineExtension("morph", {
  handleSwap(style, target, fragment) {
    const next = fragment.querySelector(`#${target.id}`);
    if (style !== "morph" || !next) return false;
    morphChildren(target, next);
    return [];
  },
});

// Makes `old` look like `next` by changing only what differs, so that focus, scrolling, selected text, what was typed
// and drawn charts stay. What is marked data-keep belongs to scripts and is left alone.
function morph(old, next) {
  if (old.nodeName !== next.nodeName || old.id !== next.id) return old.replaceWith(next);
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (old.data !== next.data) old.data = next.data;
    return;
  }
  if (old.hasAttribute("data-keep")) return;
  const theirs = (name) => name === "open" && old.nodeName === "DETAILS"; // whoever reads folds and unfolds
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !theirs(name)) old.removeAttribute(name);
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value && !theirs(name)) old.setAttribute(name, value);
  morphChildren(old, next);
}

function morphChildren(old, next) {
  const wanted = [...next.childNodes]; // a list of its own: what is put in place leaves `next`
  wanted.forEach((child, n) => {
    const same = child.id && [...old.children].find((each) => each.id === child.id);
    if (same && same !== old.childNodes[n]) old.insertBefore(same, old.childNodes[n] ?? null);
    if (old.childNodes[n]) morph(old.childNodes[n], child);
    else old.append(child);
  });
  while (old.childNodes.length > wanted.length) old.lastChild.remove();
}

function say(text, live) {
  const element = document.getElementById("live");
  if (element && element.textContent !== text) element.textContent = text;
  document.body.classList.toggle("stale", !live);
}

function connect() {
  stream = new EventSource(`/events?seen=${encodeURIComponent(seen)}`);
  stream.onopen = () => say("live", true);
  stream.onerror = () => say("not live: trying again", false);
  stream.addEventListener("tick", (event) => {
    seen = event.data;
    htmx.trigger("#page", "tick");
    refreshCharts();
  });
}

document.body.addEventListener("htmx:afterSettle", findCharts);
document.addEventListener("visibilitychange", () => {
  stream?.close(); // a tab nobody looks at holds no connection
  if (!document.hidden) connect();
});

if (seen) {
  findCharts();
  connect();
}
