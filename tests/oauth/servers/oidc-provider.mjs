// oidc-provider as a token endpoint, and an API that takes its tokens: node oidc-provider.mjs CERTIFICATE KEY
//
// GET /api answers 200 to a token that is valid, and 401 to any other; GET /api/revoke makes it invalid afterwards. GET /signed/ALG answers
// 200 to a bearer that jose verifies with the key of that algorithm, and 401 to any other; /signed/ALG/flipped flips one bit of it before.
// Certificates of clients are verified by the authority that CLIENT_AUTHORITY names; a token that is bound to one is valid with it only.
// The packages are found in the directory that NODE_MODULES names.

import { X509Certificate, createPublicKey } from 'node:crypto';
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

// Clients that a certificate stands for: by its subject, or by itself.
const bySubject = (client_id, bound) => {
  const { client_secret, ...rest } = client(client_id, 'tls_client_auth');
  return { ...rest, tls_client_auth_subject_dn: `CN=${client_id}`, tls_client_certificate_bound_access_tokens: bound };
};
const byItself = (client_id, file) => {
  const { client_secret, ...rest } = client(client_id, 'self_signed_tls_client_auth');
  const { raw, publicKey } = new X509Certificate(readFileSync(`${process.env.PUBLIC_KEYS}/${file}`));
  return { ...rest, jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), x5c: [raw.toString('base64')] }] } };
};
// The same client with what somebody has consented to.
const consenting = (client) => ({
  ...client,
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
  redirect_uris: ['https://localhost/'],
  scope: 'openid offline_access',
});
// A client of `secure-outbound authorize`: its redirect URI is any port of the loopback interface.
const native = (client) => ({
  ...consenting(client),
  application_type: 'native',
  grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'],
  redirect_uris: ['http://127.0.0.1/', 'http://[::1]/back'],
});
const shown = (ctx) => {
  const { raw } = ctx.socket.getPeerCertificate();
  return raw && new X509Certificate(raw);
};
const thumbprint = (shown) => shown && Buffer.from(shown.fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');

const [certificate, key] = process.argv.slice(2).map((file) => readFileSync(file));
const server = createServer({
  cert: certificate,
  key,
  ca: readFileSync(process.env.CLIENT_AUTHORITY),
  requestCert: true,
  rejectUnauthorized: false,
});
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address();
  const provider = new Provider(`https://localhost:${port}`, {
    clients: [
      client('in body', 'client_secret_post'),
      client('by:basic', 'client_secret_basic'),
      consenting(client('consented', 'client_secret_post')),
      signing('RS256', 'rsa'),
      signing('PS256', 'rsa'),
      signing('ES256', 'p256'),
      bySubject('by subject', false),
      bySubject('bound', true),
      byItself('by itself', 'p256-self-signed.pem'),
      consenting(bySubject('consented by subject', true)),
      native(client('native', 'client_secret_post')),
      native(client('native:basic', 'client_secret_basic')),
      native({ client_id: 'public', token_endpoint_auth_method: 'none' }),
      native(byItself('native by itself', 'p256-self-signed.pem')),
    ],
    clientAuthMethods: [
      'none', 'client_secret_post', 'client_secret_basic', 'private_key_jwt', 'tls_client_auth', 'self_signed_tls_client_auth',
    ],
    enabledJWA: { clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256'] },
    scopes: ['openid', 'offline_access', 'read', 'write', 'admin'],
    findAccount: (context, accountId) => ({ accountId, claims: () => ({ sub: accountId }) }),
    rotateRefreshToken: true,
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      deviceFlow: { enabled: true },
      mTLS: {
        enabled: true,
        certificateBoundAccessTokens: true,
        selfSignedTlsClientAuth: true,
        tlsClientAuth: true,
        getCertificate: shown,
        certificateAuthorized: (ctx) => ctx.socket.authorized,
        certificateSubjectMatches: (ctx, property, expected) => shown(ctx).subject === expected,
      },
    },
    // Without them it writes notices to where nobody reads.
    ttl: { ClientCredentials: 600, AccessToken: 600, RefreshToken: 600, Grant: 600, IdToken: 600, Interaction: 600, Session: 600, DeviceCode: 600 },
  });
  // Who is asked consents at once, or refuses where the client has said so.
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/interaction/')) return next();
    const { params } = await provider.interactionDetails(context.req, context.res);
    const grant = new provider.Grant({ accountId: 'somebody', clientId: params.client_id });
    grant.addOIDCScope('openid offline_access');
    const result = params.login_hint === 'refuses'
      ? { error: 'access_denied', error_description: 'no, thanks' }
      : { login: { accountId: 'somebody' }, consent: { grantId: await grant.save() } };
    return context.redirect(await provider.interactionResult(context.req, context.res, result));
  });
  // It leaves the interval out, which would then be five seconds.
  provider.use(async (context, next) => {
    await next();
    if (context.path === '/device/auth' && context.body?.device_code) context.body.interval = 1;
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
  // GET /api/consent/CLIENT is what a consent comes to: the first refresh token.
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/api/consent/')) return next();
    const consented = await provider.Client.find(decodeURIComponent(context.path.slice('/api/consent/'.length)));
    const grant = new provider.Grant({ accountId: 'somebody', clientId: consented.clientId });
    grant.addOIDCScope('openid offline_access');
    const grantId = await grant.save();
    const scope = 'openid offline_access';
    const rest = { accountId: 'somebody', grantId, scope, gty: 'authorization_code', authTime: 1, claims: {} };
    context.body = await new provider.RefreshToken({ client: consented, ...rest }).save();
    return undefined;
  });
  provider.use(async (context, next) => {
    if (!context.path.startsWith('/api')) return next();
    const [, value] = /^Bearer (.+)$/.exec(context.get('authorization')) ?? [];
    const token = value && (await provider.ClientCredentials.find(value) ?? await provider.AccessToken.find(value));
    const bound = token?.['x5t#S256'];
    const isValid = token?.isValid && (!bound || bound === thumbprint(shown(context)));
    context.status = isValid ? 200 : 401;
    context.body = isValid ? `${token.clientId}: ${token.scope}` : 'no';
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
