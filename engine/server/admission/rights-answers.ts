import type { AskRights } from "../../admission/expressions/rights-questions.ts";
import type { Authorizer } from "../../auth/authorize.ts";

/** Answers what expressions ask about rights, by the same authorizer that requests pass. */
export function rightsAnswers(authorizer: Authorizer): AskRights {
  return async (user, { verb, path, group = "", resource = "", subresource, namespace = "", name = "", fieldSelector, labelSelector }) => {
    const selectors = { ...(fieldSelector === undefined ? {} : { fieldSelector }), ...(labelSelector === undefined ? {} : { labelSelector }) };
    try {
      const { is, reason } = await authorizer.decide(
        path === undefined
          ? { is: "resource", user, verb, group, version: "*", resource, ...(subresource === undefined ? {} : { subresource }), namespace, name, ...selectors }
          : { is: "path", user, verb, path },
      );
      return { isAllowed: is === "allow", reason };
    } catch (error) {
      return { isAllowed: false, reason: "", error: error instanceof Error ? error.message : String(error) };
    }
  };
}
