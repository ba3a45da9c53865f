// oidc-provider as a token endpoint, and an API that takes its tokens: node oidc-provider.mjs CERTIFICATE KEY
//
// GET /api answers 200 to a token that is valid, and 401 to any other; GET /api/revoke makes it invalid afterwards. GET /signed/ALG answers
// 200 to a bearer that jose verifies with the key of that algorithm, and 401 to any other; /signed/ALG/flipped flips one bit of it before.
// The packages are found in the directory that NODE_MODULES names.

import { createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const found = createRequire(`${process.env.NODE_MODULES}/`).resolve('oidc-provider');
const { default: Provider } = await import(pathToFileURL(found));
// The one that oidc-provider uses.
const { jwtVerify } = await import(pathToFileURL(createRequire(found).resolve('jose')));

const client = (client_id, token_endpoint_auth_method) => ({
  client_id,
  client_secret: 'se cret/+~:%&="',
  token_endpoint_auth_method,
  grant_types: ['client_credentials'],
  response_types: [],
  redirect_uris: [],
  scope: 'read write',
});

// The keys that the test signs with, by the algorithm: the client's name is that too.
const signing = (alg, file) => {
  const { client_secret, ...rest } = client(alg, 'private_key_jwt');
  const jwk = createPublicKey(readFileSync(`${process.env.PUBLIC_KEYS}/${file}-public.pem`)).export({ format: 'jwk' });
  return { ...rest, token_endpoint_auth_signing_alg: alg, jwks: { keys: [{ ...jwk, kid: 'k', use: 'sig' }] } };
};

// One bit of the signature in the middle of a token.
const flip = (token) => {
  const parts = token.split('.');
  const signature = Buffer.from(parts[2], 'base64url');
  signature[signature.length >> 1] ^= 1;
  parts[2] = signature.toString('base64url');
  return parts.join('.');
};

const publicKey = (alg) => createPublicKey(readFileSync(`${process.env.PUBLIC_KEYS}/${alg === 'ES256' ? 'p256' : 'rsa'}-public.pem`));

const [certificate, key] = process.argv.slice(2).map((file) => readFileSync(file));
const server = createServer({ cert: certificate, key });
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`https://localhost:${port}`, {
    clients: [
      client('in body', 'client_secret_post'),
      client('by:basic', 'client_secret_basic'),
      signing('RS256', 'rsa'),
      signing('PS256', 'rsa'),
      signing('ES256', 'p256'),
    ],
    clientAuthMethods: ['client_secret_post', 'client_secret_basic', 'private_key_jwt'],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
    scopes: ['read', 'write', 'admin'],
    features: { clientCredentials: { enabled: true }, devInteractions: { enabled: false } },
    ttl: { ClientCredentials: 600 },
  });
  // POST /flipped is POST /token with one bit of the assertion's signature flipped before it is looked at.
  provider.use(async (context, next) => {
    if (context.path !== '/flipped') return next();
    const chunks = [];
    for await (const chunk of context.req) chunks.push(chunk);
    const form = new URLSearchParams(Buffer.concat(chunks).toString());
    form.set('client_assertion', flip(form.get('client_assertion')));
    context.req.body = form.toString();
    context.path = '/token';
    return next();
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
  provider.use(async (context, next) => {
    const [, alg, flipped] = /^\/signed\/(\w+)(\/flipped)?$/.exec(context.path) ?? [];
    if (!alg) return next();
    const [, value] = /^Bearer (.+)$/.exec(context.get('authorization')) ?? [];
    try {
      const { payload } = await jwtVerify(flipped ? flip(value) : value, publicKey(alg), {
        algorithms: [alg], issuer: 'robot', audience: 'api', typ: 'JWT', requiredClaims: ['iat', 'exp'],
      });
      context.status = 200;
      context.body = payload.sub;
    } catch {
      context.status = 401;
      context.body = 'no';
    }
    return undefined;
  });
  server.on('request', provider.callback());
  console.log(`listening ${port}`);
});

// Whoever started it holds the other end.
process.stdin.on('end', () => process.exit(0)).resume();
