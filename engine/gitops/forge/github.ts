import type { Forge } from "./forge.ts";
import { allPages, fieldOf, isSameNumber, numberOf, textOf, type ForgeHttp } from "./forge-http.ts";

/** GitHub's REST API, version 2022-11-28: pull requests are issues, as far as comments go. */
export function githubForge(project: string, http: ForgeHttp): Forge {
  const repository = `/repos/${project}`;
  return {
    commentMax: 65_536,
    async openRequests(signal) {
      const pulls = await allPages(http, `${repository}/pulls?state=open`, signal);
      return pulls.map(({ number, head, base, labels }) => ({
        number: numberOf(number),
        head: textOf(fieldOf(head, "sha")),
        base: textOf(fieldOf(base, "ref")),
        labels: Array.isArray(labels) ? labels.map((label: unknown) => textOf(fieldOf(label, "name"))) : [],
        // A fork that was deleted is nowhere.
        isOfFork: !isSameNumber(fieldOf(fieldOf(head, "repo"), "id"), fieldOf(fieldOf(base, "repo"), "id")),
      }));
    },
    async comments(request, signal) {
      const found = await allPages(http, `${repository}/issues/${request}/comments`, signal);
      return found.map(({ id, body }) => ({ id: numberOf(id), body: textOf(body) }));
    },
    addComment: async (request, body, signal) => void (await http.send("POST", `${repository}/issues/${request}/comments`, { body }, signal)),
    editComment: async (_request, id, body, signal) => void (await http.send("PATCH", `${repository}/issues/comments/${id}`, { body }, signal)),
    setStatus: async ({ commit, context, state, description }, signal) =>
      void (await http.send("POST", `${repository}/statuses/${commit}`, { state: state === "superseded" ? "error" : state, context, description }, signal)),
  };
}
