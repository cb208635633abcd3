// What changes on a page while somebody looks at it? The server sends regions of the page, ready to be shown; here they
// are merged into what is there, so that focus, selection and scrolling stay where they were.
(() => {
  "use strict";

  const SILENT_AFTER_MS = 3000;

  const merge = (old, fresh) => {
    if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    mergeChildren(old, fresh);
  };

  const mergeChildren = (old, fresh) => {
    const before = [...old.childNodes];
    const after = [...fresh.childNodes];
    after.forEach((node, index) => {
      if (index < before.length) merge(before[index], node);
      else old.append(node);
    });
    before.slice(after.length).forEach((node) => node.remove());
  };

  const show = (regions) => {
    for (const [id, html] of Object.entries(regions)) {
      const region = document.getElementById(id);
      if (!region) continue;
      const fresh = new DOMParser().parseFromString(html, "text/html").body;
      mergeChildren(region, fresh);
    }
  };

  const follow = (address, status) => {
    const say = (words, kind) => {
      if (!status || status.textContent === words) return;
      status.textContent = words;
      status.className = `state ${kind}`;
    };
    const stream = new EventSource(address);
    let silence;
    stream.addEventListener("regions", (message) => {
      show(JSON.parse(message.data));
      if (document.querySelector("[data-blind]")) say("✕ not live: the store cannot be read", "bad");
      else say("● live", "good");
      // News come twice a second, if only to say that nothing has changed.
      clearTimeout(silence);
      const heard = new Date().toISOString().slice(11, 19);
      silence = setTimeout(() => say(`… as of ${heard}, no news since`, "warn"), SILENT_AFTER_MS);
    });
    stream.addEventListener("end", () => {
      clearTimeout(silence);
      stream.close();
      say("■ finished", "");
    });
    stream.addEventListener("error", () => {
      clearTimeout(silence);
      const closed = stream.readyState === EventSource.CLOSED;
      say(closed ? "✕ not live: load this page again" : "… connecting again", closed ? "bad" : "warn");
    });
    addEventListener("pagehide", () => stream.close());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  };

  document.addEventListener("DOMContentLoaded", () => {
    const place = document.querySelector("[data-live]");
    if (place) follow(place.dataset.live, document.querySelector("[data-live-status]"));
  });
})();
