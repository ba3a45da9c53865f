// oidc-provider as a token endpoint, and an API that takes its tokens: node oidc-provider.mjs CERTIFICATE KEY
//
// GET /api answers 200 to a token that is valid, and 401 to any other; GET /api/revoke makes it invalid afterwards.
// The packages are found in the directory that NODE_MODULES names.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const found = createRequire(`${process.env.NODE_MODULES}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(found));

const client = (client_id, token_endpoint_auth_method) => ({
  client_id,
  client_secret: 'se cret/+~:%&="',
  token_endpoint_auth_method,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: 'read write',
});

const [certificate, key] = process.argv.slice(2).map((file) => readFileSync(file));
const server = createServer({ cert: certificate, key });
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`https://localhost:${port}`, {
    clients: [client('in body', 'client_secret_post'), client('by:basic', 'client_secret_basic')],
    scopes: ['read', 'write', 'admin'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: 600 },
  });
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/api')) return next();
    const [, value] = /^Bearer (.+)$/.exec(context.get('authorization')) ?? [];
    const token = value && await provider.ClientCredentials.find(value);
    context.status = token?.isValid ? 200 : 401;
    context.body = token?.isValid ? `${token.clientId}: ${token.scope}` : 'no';
    if (token && context.path === '/api/revoke') await token.destroy();
    return undefined;
  });
  server.on('request', provider.callback());
  console.log(`listening ${port}`);
});

// Whoever started it holds the other end.
process.stdin.on('end', () => process.exit(0)).resume();
