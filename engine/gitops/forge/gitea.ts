import type { Forge } from "./forge.ts";
import { allPages, fieldOf, isSameNumber, numberOf, textOf, type ForgeHttp } from "./forge-http.ts";

/** Gitea's and Forgejo's API v1. Comments of an issue come all at once; lists have pages of 50 at most. */
export function giteaForge(project: string, http: ForgeHttp): Forge {
  const repository = `/repos/${project}`;
  return {
    commentMax: 65_000,
    async openRequests(signal) {
      const pulls = await allPages(http, `${repository}/pulls?state=open`, signal, { size: 50, parameter: "limit" });
      return pulls.map(({ number, head, base, labels }) => ({
        number: numberOf(number),
        head: textOf(fieldOf(head, "sha")),
        base: textOf(fieldOf(base, "ref")),
        labels: Array.isArray(labels) ? labels.map((label: unknown) => textOf(fieldOf(label, "name"))) : [],
        // What was pushed to refs/for is of no branch, and may be of anybody who reads the repository.
        isOfFork: textOf(fieldOf(head, "label")) === "" || !isSameNumber(fieldOf(head, "repo_id"), fieldOf(base, "repo_id")),
      }));
    },
    async comments(request, signal) {
      const found = await http.get(`${repository}/issues/${request}/comments`, signal);
      return Array.isArray(found) ? found.map((comment: unknown) => ({ id: numberOf(fieldOf(comment, "id")), body: textOf(fieldOf(comment, "body")) })) : [];
    },
    addComment: async (request, body, signal) => void (await http.send("POST", `${repository}/issues/${request}/comments`, { body }, signal)),
    editComment: async (_request, id, body, signal) => void (await http.send("PATCH", `${repository}/issues/comments/${id}`, { body }, signal)),
    setStatus: async ({ commit, context, state, description }, signal) =>
      void (await http.send("POST", `${repository}/statuses/${commit}`, { state: state === "superseded" ? "warning" : state, context, description }, signal)),
  };
}
