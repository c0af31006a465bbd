import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { renderPage } from "../../../../engine/gitops/pages/render-page.ts";

type Answer = Readonly<{ status: number; type?: string; redirected?: boolean; text?: string }>;

/** The script of a page in a browser that has only what it asks for: `look` lets the time pass until it asks, and answers. */
function openPage() {
  const [, script = ""] = /<script>(.*)<\/script>/s.exec(renderPage({ title: "t", crumbs: [], tag: '"1"', content: "<p>old</p>", isLoggedIn: false })) ?? [];
  const due: (() => Promise<void>)[] = [];
  const asked: string[] = [];
  const page = { text: "old", title: "t", isStale: false, isUnknown: false, reloads: 0 };
  const document = {
    hidden: false,
    documentElement: { dataset: { tag: '"1"' } },
    activeElement: link(""),
    main: mainOf("old", []),
    querySelector: () => document.main,
    querySelectorAll: () => [],
    onvisibilitychange: () => {},
  };
  function link(outerHTML: string) {
    const self = { outerHTML, focus: () => (document.activeElement = self) };
    return self;
  }
  interface Main {
    readonly classList: unknown;
    replaceWith(next: Main): unknown;
    readonly text: string;
    scrollLeft: number;
    querySelectorAll(): readonly ReturnType<typeof link>[];
  }
  function mainOf(text: string, links: readonly string[]): Main {
    const all = links.map(link);
    return {
      text,
      scrollLeft: 0,
      classList: { toggle: (_: string, on: boolean) => (page.isStale = on), add: (name: string) => (name === "unknown" ? (page.isUnknown = true) : (page.isStale = true)) },
      querySelectorAll: () => all,
      replaceWith: (next: Main) => ((document.main = next), (page.text = next.text)),
    };
  }
  let answer: Answer | undefined;
  runInNewContext(script, {
    document,
    location: { href: "https://x:token@git.example/r/main/", origin: "https://git.example", pathname: "/r/main/", reload: () => page.reloads++ },
    getSelection: () => ({ isCollapsed: true }),
    setTimeout: (callback: () => Promise<void>) => due.push(callback),
    clearTimeout: (timer: number) => due.splice(timer - 1, 1),
    DOMParser: class {
      parseFromString = (text: string) => ({ title: text, querySelector: () => mainOf(text, ["a", "b", "a"]), querySelectorAll: () => [] });
    },
    async fetch(address: string, { headers }: { readonly headers: Readonly<Record<string, string>> }) {
      expect(address).toBe("https://git.example/r/main/");
      asked.push(headers["if-none-match"] ?? "");
      if (answer === undefined) throw new Error("no such server");
      const { status, type = "text/html; charset=utf-8", redirected = false, text = "" } = answer;
      const held: Readonly<Record<string, string>> = { "content-type": type, etag: `"${text}"` };
      return { ok: status === 200, status, redirected, headers: { get: (name: string) => held[name] }, text: async () => text };
    },
  });
  const look = async (next: Answer | undefined) => {
    answer = next;
    for (const callback of due.splice(0)) await callback();
  };
  const comeBack = async () => {
    document.hidden = false;
    document.onvisibilitychange();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { page, document, asked, look, comeBack, isDone: () => due.length === 0 };
}

test("a page shows what has changed, and is pale while its server is away", async () => {
  const { page, document, asked, look } = openPage();
  await look({ status: 304 });
  expect(page).toMatchObject({ text: "old", isStale: false });
  await look(undefined);
  expect(page.isStale).toBe(true);
  await look({ status: 200, text: "new" });
  expect(page).toMatchObject({ text: "new", isStale: false });
  document.hidden = true;
  await look({ status: 200, text: "unseen" });
  document.hidden = false;
  await look({ status: 304 });
  expect(page.text).toBe("new");
  expect(asked).toEqual(['"1"', '"1"', '"1"', '"new"']);
});

test.each<Answer>([
  { status: 200, type: "text/markdown; charset=utf-8", text: "<main>as a page" },
  { status: 200, redirected: true, text: "another page" },
])("a page takes nothing in that is not what it was: %o", async (answer) => {
  const { page, look, isDone } = openPage();
  await look(answer);
  expect(page).toMatchObject({ text: "old", reloads: 1 });
  expect(isDone()).toBe(true);
});

test("a page asks no more once the server knows its reader no longer, who would be asked each time", async () => {
  const { page, look, isDone } = openPage();
  await look({ status: 403 });
  expect(page).toMatchObject({ isStale: true, isUnknown: false });
  expect(isDone()).toBe(false);
  await look({ status: 401 });
  expect(page).toMatchObject({ isStale: true, isUnknown: true });
  expect(isDone()).toBe(true);
});

test("a page keeps the link that a keyboard has come to, and the part of a wide table that is seen", async () => {
  const { document, look } = openPage();
  await look({ status: 200, text: "first" });
  document.main.scrollLeft = 120;
  const [, , second] = document.main.querySelectorAll();
  second?.focus();
  await look({ status: 200, text: "second" });
  expect(document.main).toMatchObject({ text: "second", scrollLeft: 120 });
  expect(document.main.querySelectorAll().indexOf(document.activeElement)).toBe(2);
});

test("a page is asked for at once when somebody comes back to it, and goes on as before", async () => {
  const { document, asked, look, comeBack } = openPage();
  document.hidden = true;
  await look({ status: 304 });
  expect(asked).toHaveLength(0);
  await comeBack();
  expect(asked).toHaveLength(1);
  await look({ status: 304 });
  expect(asked).toHaveLength(2);
});
