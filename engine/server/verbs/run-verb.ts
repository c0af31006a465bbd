import type { ApiResult, Verb } from "../../apimachinery/api-request.ts";
import { assertNever } from "../../lib/assert.ts";
import type { Exchange, RequestOf } from "../exchange.ts";
import { create } from "./create.ts";
import { deleteCollection } from "./delete-collection.ts";
import { deleteObject } from "./delete.ts";
import { get } from "./get.ts";
import { list } from "./list.ts";
import { patch } from "./patch.ts";
import { update } from "./update.ts";
import { watch } from "./watch.ts";

/** The eight verbs, each in its own file. */
export function runVerb(exchange: Exchange): Promise<ApiResult> {
  const { verb } = exchange.request;
  switch (verb) {
    case "get":
      return get(narrow(exchange, verb));
    case "list":
      return list(narrow(exchange, verb));
    case "watch":
      return watch(narrow(exchange, verb));
    case "create":
      return create(narrow(exchange, verb));
    case "update":
      return update(narrow(exchange, verb));
    case "patch":
      return patch(narrow(exchange, verb));
    case "delete":
      return deleteObject(narrow(exchange, verb));
    case "deletecollection":
      return deleteCollection(narrow(exchange, verb));
    default:
      return assertNever(verb, "verb");
  }
}

function narrow<V extends Verb>(exchange: Exchange, _verb: V): Exchange<RequestOf<V>> {
  return exchange as Exchange<RequestOf<V>>; // the verb of the request has just been looked at
}
