/** Where a webhook is, as its configuration says: an address or a Service, and who has signed its certificate (PEM in base64). */
export interface WebhookEndpoint {
  readonly url?: string;
  readonly service?: { readonly namespace: string; readonly name: string; readonly path?: string; readonly port?: number };
  readonly caBundle?: string;
}

export interface WebhookRequest {
  readonly endpoint: WebhookEndpoint;
  readonly body: unknown;
  readonly timeoutSeconds: number;
  /** The caller does not wait any longer. */
  readonly signal?: AbortSignal;
}

/** Asks webhooks over HTTPS. */
export interface WebhookTransport {
  /** Posts JSON and gives the JSON that is answered. Rejects with an Error whose message is for users. */
  post(request: WebhookRequest): Promise<unknown>;
}
