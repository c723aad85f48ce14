// The exercises of a page: an editor when one comes into view, checks in a worker from the first click on.
const HERE = new URL(".", import.meta.url);
const LIMIT = 3000;
// A check that takes this long is likely to be stopped: the worker for the next one gets ready meanwhile.
const SUSPICIOUS = 700;
const ENGINES = {
  small: { name: "Python", start: "Getting Python ready …" },
  full: { name: "full Python", start: "Getting full Python ready. It is large, and stays for this page …" },
};

// One kind of Python for all exercises of the page: one check at a time, each within the limit.
class Engine {
  constructor(kind) {
    this.kind = kind;
    this.queue = Promise.resolve();
  }

  spawn() {
    const worker = new Worker(new URL("worker.mjs", HERE), { type: "module", name: this.kind });
    const ready = new Promise((resolve, reject) => {
      worker.addEventListener("message", () => resolve(), { once: true });
      worker.addEventListener("error", () => reject(new Error("the worker did not start")), { once: true });
    });
    ready.catch(() => {});
    return { worker, ready };
  }

  // Returns the report on a code. The exercise is a promise: it loads while the engine does. `begun` is called between.
  check(exercise, code, begun) {
    const turn = this.queue.then(() => this.run(exercise, code, begun));
    this.queue = turn.catch(() => {});
    return turn;
  }

  async run(exercise, code, begun) {
    this.current ??= this.spawn();
    const { worker, ready } = this.current;
    try {
      await ready;
    } catch (problem) {
      worker.terminate();
      this.current = null;
      throw problem;
    }
    const message = { exercise: await exercise, code };
    begun();
    return new Promise((resolve, reject) => {
      const replace = () => {
        worker.terminate();
        this.current = this.spare ?? this.spawn();
        this.spare = null;
      };
      const early = setTimeout(() => (this.spare ??= this.spawn()), SUSPICIOUS);
      const late = setTimeout(() => {
        replace();
        resolve({
          ok: false, headline: "Stopped after 3 seconds.", cause: "too-slow", lines: [],
          says: "A check takes a moment. Is there a loop that never ends?",
        });
      }, LIMIT);
      worker.onmessage = (event) => {
        clearTimeout(early);
        clearTimeout(late);
        resolve(event.data);
      };
      worker.onerror = (event) => {
        event.preventDefault();
        clearTimeout(early);
        clearTimeout(late);
        replace();
        reject(new Error(event.message || "Python stopped"));
      };
      worker.postMessage(message);
    });
  }
}

const engines = { small: new Engine("small"), full: new Engine("full") };

// What the reader wrote stays in this browser; where nothing can be stored, it stays until the page is left.
const storage = {
  get(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  set(key, value) {
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // Private windows may refuse.
    }
  },
};

function element(tag, text, properties = {}) {
  const made = Object.assign(document.createElement(tag), properties);
  if (text !== undefined) made.textContent = text;
  return made;
}

class Exercise {
  constructor(root) {
    this.root = root;
    this.textarea = root.querySelector("textarea");
    this.stub = this.textarea.defaultValue;
    this.result = root.querySelector(".result");
    this.key = `page-exercise ${location.pathname} ${root.id}`;
    this.running = 0;
    this.textarea.value = storage.get(this.key) ?? this.stub;
    this.addActions();
    this.openHintsOneByOne();
    this.textarea.addEventListener("input", () => this.keep());
    root.addEventListener(
      "keydown",
      (event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        event.stopPropagation();
        this.check("small");
      },
      true,
    );
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      this.bringEditor();
    }, { rootMargin: "200px" }).observe(root);
  }

  get code() {
    return this.editor ? this.editor.read() : this.textarea.value;
  }

  set code(text) {
    if (this.editor) this.editor.write(text);
    else this.textarea.value = text;
  }

  keep() {
    storage.set(this.key, this.code === this.stub ? null : this.code);
  }

  addActions() {
    const actions = this.root.querySelector(".actions");
    const button = (text, act, properties) => {
      const made = element("button", text, { type: "button", ...properties });
      made.addEventListener("click", act);
      actions.append(made);
      return made;
    };
    button("Check", () => this.check("small"), { className: "check" });
    if (this.root.dataset.full) {
      button(`Check with ${this.root.dataset.full}`, () => this.check("full"), { className: "check-full" });
    }
    button("Start again", () => this.startAgain(), { className: "start-again" });
    actions.append(element("small", "Ctrl + Enter checks, too."));
    this.root.querySelector(".unserved").hidden = true;
    actions.hidden = false;
  }

  openHintsOneByOne() {
    const hints = [...this.root.querySelectorAll(".hints > details")];
    hints.forEach((hint, number) => {
      hint.hidden = number > 0;
      hint.addEventListener("toggle", () => {
        if (hint.open && hints[number + 1]) hints[number + 1].hidden = false;
      });
    });
  }

  async bringEditor() {
    try {
      const { makeEditor } = await import(new URL("editor.mjs", HERE).href);
      this.editor = makeEditor(this.textarea, () => this.keep());
    } catch (problem) {
      // The plain text area does everything but the colours.
      console.info("the editor did not come; the text area stays", problem);
    }
  }

  startAgain() {
    this.running += 1;
    this.code = this.stub;
    this.keep();
    this.root.dataset.state = "before";
    this.result.replaceChildren(element("p", "The first lines are back."));
  }

  async check(kind) {
    const number = ++this.running;
    const current = () => number === this.running;
    this.keep();
    const code = this.code;
    this.root.dataset.state = "running";
    this.result.setAttribute("aria-busy", "true");
    this.result.replaceChildren(element("p", ENGINES[kind].start));
    let report;
    try {
      this.data ??= fetch(this.root.dataset.exercise).then((answer) => {
        if (!answer.ok) throw new Error(`${answer.status} ${answer.url}`);
        return answer.json();
      });
      const begun = () => current() && this.result.replaceChildren(element("p", "Checking …"));
      report = await engines[kind].check(this.data, code, begun);
    } catch (problem) {
      this.data = undefined;
      report = {
        ok: false, headline: "The check could not run.", cause: "engine", lines: [],
        says: `${ENGINES[kind].name[0].toUpperCase()}${ENGINES[kind].name.slice(1)} did not load: ${problem.message}. ` +
          "Are you offline? Your code is kept; try again.",
      };
    }
    if (current()) this.show(report);
  }

  show(report) {
    const parts = [element("p", report.headline, { className: "headline" })];
    if (report.says) parts.push(element("p", report.says, { className: "says" }));
    if (report.lines.length > 0) {
      const list = element("ul");
      for (const { ok, text } of report.lines) list.append(element("li", text, { className: ok ? "ok" : "wrong" }));
      parts.push(list);
    }
    if (report.printed) {
      parts.push(element("p", "Your code printed:"), element("pre", report.printed, { tabIndex: 0 }));
    }
    this.root.dataset.state = report.ok ? "right" : "wrong";
    this.root.dataset.cause = report.cause ?? "";
    this.result.removeAttribute("aria-busy");
    this.result.replaceChildren(...parts);
  }
}

for (const root of document.querySelectorAll(".page-exercise")) new Exercise(root);
