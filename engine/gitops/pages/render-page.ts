import { createHash } from "node:crypto";
import { late } from "../../lib/late-modules.ts";
import { withoutControls } from "../../lib/without-controls.ts";
import { escapeHtml } from "./escape-html.ts";

export interface Link {
  readonly text: string;
  /** A path of this server, or one from the page on. */
  readonly href: string;
}

const STYLE = `:root{color-scheme:light dark;--line:#8884;--soft:#8881;--link:light-dark(#0757ba,#6cb6ff)}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:0 auto;padding:1rem 1.5rem 4rem;overflow-wrap:break-word}
a{color:var(--link);text-decoration:none}a:hover{text-decoration:underline}
nav{display:flex;gap:1rem;justify-content:space-between;color:#888;border-bottom:1px solid var(--line);padding-bottom:.5rem}
nav span{min-width:0}nav>a{flex:none}
h1{font-size:1.4rem;line-height:1.35}h2{font-size:1.1rem;margin-top:2rem}
main{overflow-x:auto}table{border-collapse:collapse;font-size:.94rem}
th,td{border:1px solid var(--line);padding:.3rem .65rem;text-align:left;vertical-align:top}th{background:var(--soft)}
code,pre{font:.9em/1.5 ui-monospace,monospace;background:var(--soft);border-radius:4px}code{padding:.1em .3em}
pre{padding:.7rem 1rem;overflow-x:auto}pre code{padding:0;background:none}
.add{color:light-dark(#116329,#7ee787)}.del{color:light-dark(#a40e26,#ff938a)}.mod{color:light-dark(#7a4f01,#e3b341)}
details{margin:.4rem 0}summary{cursor:pointer}.stale{opacity:.6}
.stale::before{content:"The server does not show this page at the moment; this is how it was."}
.unknown::before{content:"The server no longer knows who you are; load the page again to log in."}`;

/**
 * Asks for the page again while somebody looks at it, and at once when he comes back to it, for browsers hardly wake what nobody sees. Shows
 * what has changed; what is folded open stays so, as do the link that a keyboard has come to and the part of a wide table that is seen. A page
 * that the server does not show is pale and says so, and one that knows the reader no longer is not asked any more. What is no page of ours now
 * is for the browser to show: as a part of this page it would have more power than by itself. The address is taken without a name and a token
 * in it, with which scripts must not ask.
 */
const SCRIPT = `const shown=()=>document.querySelector("main");let tag=document.documentElement.dataset.tag;
let timer;const later=()=>{timer=setTimeout(look,3000)};
const look=async()=>{timer=undefined;if(!document.hidden&&getSelection().isCollapsed)try{
const answer=await fetch(location.origin+location.pathname,{headers:{accept:"text/html","if-none-match":tag}});
if(answer.ok){if(answer.redirected||!answer.headers.get("content-type").startsWith("text/html"))return location.reload();
tag=answer.headers.get("etag");const next=new DOMParser().parseFromString(await answer.text(),"text/html");
const open=new Set([...document.querySelectorAll("details[open]>summary")].map((summary)=>summary.textContent));
for(const summary of next.querySelectorAll("summary"))summary.parentElement.open=open.has(summary.textContent);
const {activeElement}=document;const {scrollLeft}=shown();const held=activeElement.outerHTML;
const alike=()=>[...shown().querySelectorAll("a,summary")].filter((link)=>link.outerHTML===held);const place=alike().indexOf(activeElement);
document.title=next.title;shown().replaceWith(next.querySelector("main"));
shown().scrollLeft=scrollLeft;alike()[place]?.focus({preventScroll:true});}
shown().classList.toggle("stale",!answer.ok&&answer.status!==304);if(answer.status===401)return shown().classList.add("unknown");
}catch{shown().classList.add("stale");}later();};
document.onvisibilitychange=()=>{if(timer!==undefined&&!document.hidden){clearTimeout(timer);look();}};later();`;

/** What tells pages of this program from those of another: both look different. */
export const pageForm = late(() => createHash("sha256").update(STYLE).update(SCRIPT).digest("hex").slice(0, 8));

const sourceOf = (text: string) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** What a browser may do with a page: show it, with our style and script and nothing of anybody else's (Content Security Policy, level 3). */
export const pagePolicy = late(
  () =>
    `default-src 'none'; style-src ${sourceOf(STYLE)}; script-src ${sourceOf(SCRIPT)}; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
);

export interface PageText {
  readonly title: string;
  /** Lead to what is above it. */
  readonly crumbs: readonly Link[];
  /** What tells this version from the next. */
  readonly tag: string;
  /** HTML; the other texts are none. */
  readonly content: string;
  readonly isLoggedIn: boolean;
}

/** Where a browser forgets who its user said he is (`git-server.ts`). */
export const LOG_OUT_PATH = "/-/logout";

/** A whole page around its content. A heading in that counts more than the title. */
export function renderPage({ title, crumbs, tag, content, isLoggedIn }: PageText): string {
  const heading = /<h1>(.*)<\/h1>/.exec(content)?.[1]?.replaceAll(/<[^>]*>/g, "") ?? escapeHtml(withoutControls(title));
  const way = crumbs.map(linkHtml).join(" / ");
  const out = isLoggedIn ? ` <a href="${LOG_OUT_PATH}">Log out</a>` : "";
  return `<!doctype html>
<html lang="en" data-tag="${escapeHtml(tag)}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${heading}</title>
<style>${STYLE}</style></head><body><nav><span>${way}</span>${out}</nav><main>
${content}</main><script>${SCRIPT}</script></body></html>
`;
}

/** Links, one below the other, or what to say where there is none. */
export function renderList(entries: readonly Link[], none: string): string {
  if (entries.length === 0) return `<p>${escapeHtml(none)}</p>\n`;
  return `<ul>\n${entries.map((entry) => `<li>${linkHtml(entry)}</li>\n`).join("")}</ul>\n`;
}

function linkHtml({ text, href }: Link): string {
  return `<a href="${escapeHtml(href)}">${escapeHtml(withoutControls(text))}</a>`;
}
