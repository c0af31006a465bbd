import { describe, expect, test, vi } from "vitest";
import { MarkdownRenderer } from "../../../../engine/gitops/pages/markdown-renderer.ts";
import { renderMarkdown } from "../../../../engine/gitops/pages/render-markdown.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { ExcessiveWork, WorkThread } from "../../../../engine/lib/work-thread.ts";

test("a text for which there was no thread is laid out the next time, and one that was too much is not", async () => {
  const pages = new MarkdownRenderer(silentLogger);
  const run = vi.spyOn(WorkThread.prototype, "run").mockRejectedValueOnce(new Error("spawn EAGAIN")).mockRejectedValueOnce(new ExcessiveWork("it took longer than 5000 ms"));
  try {
    expect(await pages.render("a", "# a")).toEqual({ is: "busy" });
    expect(await pages.render("b", "# b")).toEqual({ is: "excessive" });
    expect(await pages.render("a", "# a")).toEqual({ is: "html", html: "<h1>a</h1>\n" });
    expect(await pages.render("b", "# b")).toEqual({ is: "excessive" });
    expect(run).toHaveBeenCalledTimes(3);
  } finally {
    run.mockRestore();
  }
});

describe("Markdown on a page", () => {
  test.each([
    ["<script>alert(1)</script>", "<script"],
    ["before <img src=x onerror=alert(1)> after", "<img"],
    ["![beacon](https://spy.example/x.png)", "<img"],
    ["[click](javascript:alert(1))", "href"],
    ["[click](data:text/html,x)", "href"],
    ["<details open ontoggle=alert(1)>", "<details"],
    ["<details><summary><b onclick=x>b</b></summary>", "<details"],
    ["<details>\n<style>*{}</style>\n</details>", "<style"],
    ["```diff\n+ <script>\n```", "<script"],
    ['```"><script>\nx\n```', "<script"],
  ])("has no power of its own: %s", (text, forbidden) => {
    expect(renderMarkdown(text)).not.toContain(forbidden);
  });

  test("is laid out as forges do it, without diagrams", () => {
    const html = renderMarkdown(
      "# a *b*\n\n| x | y |\n|---|---|\n| [p](apps/p.md) | `c` |\n\n```mermaid\nflowchart LR\n```\n\n<details><summary>~ a &lt;b&gt;</summary>\n\n```diff\n+ new\n- old\n! replicas 3→5\n  same\n```\n\n</details>\n",
    );
    expect(html).toContain("<h1>a <em>b</em></h1>");
    expect(html).toContain('<td><a href="apps/p.md">p</a></td>\n<td><code>c</code></td>');
    expect(html).toContain("<details><summary>~ a &lt;b&gt;</summary>");
    expect(html).toContain('<span class="add">+ new</span>\n<span class="del">- old</span>\n<span class="mod">! replicas 3→5</span>\n  same\n');
    expect(html).not.toContain("flowchart");
  });

  test("stays within a page's length when a long address is defined once and used everywhere", () => {
    const page = (address: string) => `[a]: ${address}\n\n${"[a] ".repeat(1_000)}`;
    expect(renderMarkdown(page("/x"))).toContain('<a href="/x">a</a>');
    for (const address of [`/${"x".repeat(2_000)}`, `/ "${"x".repeat(2_000)}"`]) expect(renderMarkdown(page(address))).toBeUndefined();
  });
});
