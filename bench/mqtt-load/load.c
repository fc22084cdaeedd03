/* load: MQTT 3.1.1 / 5.0 load generator and checker.  One thread, epoll, plain TCP or TLS (mutual).
 *
 * Every message carries (publisher, sequence, send time), so that the receiver checks loss, duplicates and
 * per-publisher order, and measures end-to-end latency.  The broker's own cost is read from /proc: CPU seconds
 * and PSS of the process given with -P and of all its descendants.  See README.md for the scenarios.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* ---- options ---------------------------------------------------------------------------------------------- */
static const char *o_host = "127.0.0.1", *o_broker = "broker", *o_scen, *o_label;
static const char *o_ca, *o_cert, *o_key, *o_user, *o_pass;
static int o_port = 1883, o_pid, o_ver = 4, o_tls, o_resume, o_qos, o_pubs = 10, o_subs = 1, o_size = 64, o_win = 100,
           o_conc = 50, o_n = 10000, o_shared, o_topics = 10000, o_replays = 3, o_subqos = -1, o_open, o_expect_loss, o_persistent;
static double o_secs = 5, o_warm = 2, o_rate = 0, o_drain = 15;

/* ---- helpers ---------------------------------------------------------------------------------------------- */
static u64 now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (u64)t.tv_sec * 1000000000ull + t.tv_nsec;
}
static void die(const char *f, ...) {
  va_list a;
  va_start(a, f);
  fprintf(stderr, "load: ");
  vfprintf(stderr, f, a);
  fprintf(stderr, "\n");
  exit(2);
}

#define HB 6 /* 64 sub-buckets a power of two: 1.6 % resolution */
static u32 hist[64 << HB];
static u64 hist_n;
static void hist_add(u64 v) {
  if (v < (1u << HB)) {
    hist[v]++;
  } else {
    int e = 63 - __builtin_clzll(v);
    hist[((e - HB + 1) << HB) + ((v >> (e - HB)) & ((1 << HB) - 1))]++;
  }
  hist_n++;
}
static double hist_q(double q) { /* in microseconds */
  u64 want = (u64)(q * hist_n), c = 0;
  if (!hist_n) return 0;
  for (u32 i = 0; i < (64u << HB); i++) {
    c += hist[i];
    if (c > want || c == hist_n) {
      if (i < (1u << HB)) return i / 1e3;
      int e = (int)(i >> HB) + HB - 1;
      return (double)(((u64)1 << e) | ((u64)(i & ((1 << HB) - 1)) << (e - HB))) / 1e3;
    }
  }
  return 0;
}
static void hist_reset(void) {
  memset(hist, 0, sizeof hist);
  hist_n = 0;
}

/* the broker: CPU seconds and PSS of o_pid and its descendants */
static int tree[4096], ntree;
static void find_tree(void) {
  static int pid[65536], ppid[65536];
  int n = 0;
  DIR *d = opendir("/proc");
  struct dirent *e;
  while (d && (e = readdir(d)) && n < 65536) {
    int p = atoi(e->d_name);
    char path[64], buf[1024], *q;
    FILE *f;
    if (p <= 0) continue;
    snprintf(path, sizeof path, "/proc/%d/stat", p);
    if (!(f = fopen(path, "r"))) continue;
    size_t k = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[k] = 0;
    if (!(q = strrchr(buf, ')'))) continue;
    pid[n] = p;
    ppid[n++] = atoi(q + 4);
  }
  if (d) closedir(d);
  ntree = 0;
  if (!o_pid) return;
  tree[ntree++] = o_pid;
  for (int i = 0; i < ntree; i++)
    for (int j = 0; j < n; j++)
      if (ppid[j] == tree[i] && ntree < 4096) tree[ntree++] = pid[j];
}
static double broker_cpu(void) {
  u64 t = 0;
  find_tree();
  for (int i = 0; i < ntree; i++) {
    char path[64], buf[1024], *q;
    snprintf(path, sizeof path, "/proc/%d/stat", tree[i]);
    FILE *f = fopen(path, "r");
    if (!f) {
      if (!i) die("broker process %d is gone", o_pid);
      continue;
    }
    size_t k = fread(buf, 1, sizeof buf - 1, f);
    fclose(f);
    buf[k] = 0;
    unsigned long ut, st;
    if ((q = strrchr(buf, ')')) && sscanf(q + 4, "%*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &ut, &st) == 2) t += ut + st;
  }
  return (double)t / sysconf(_SC_CLK_TCK);
}
static long broker_pss(void) { /* KiB */
  long t = 0;
  find_tree();
  for (int i = 0; i < ntree; i++) {
    char path[64], line[256];
    long v;
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", tree[i]);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
      if (sscanf(line, "Pss: %ld", &v) == 1) t += v;
    if (f) fclose(f);
  }
  return t;
}
static double self_cpu(void) {
  struct rusage r;
  getrusage(RUSAGE_SELF, &r);
  return r.ru_utime.tv_sec + r.ru_stime.tv_sec + (r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

/* ---- connections ------------------------------------------------------------------------------------------ */
enum { IDLE, TCP, HAND, CONN, UP, CLOSING, DEAD };
enum { PUB = 1, SUB = 2 };
typedef struct conn {
  int fd;
  u8 st, role, wout, dirty, ready, want_subs;
  u16 mid;
  u32 idx, recvmax;
  SSL *ssl;
  SSL_SESSION *sess;
  char *in, *out;
  u32 inlen, outoff, outlen, outcap;
  u32 seq, inflight; /* publisher */
  u64 delivered;
  u32 *last; /* subscriber: last sequence seen of each publisher */
  u32 subacks;
  u64 t0;
  char *topic;
} conn;

static conn *C;
static int nC, ep, tfd;
static SSL_CTX *ctx;
static u64 g_sent, g_recv, g_acked, g_lost, g_dup, g_order, g_badpay, g_retained, g_up, g_dead, g_refused, g_nack, g_resumed, g_subacks, g_eof;
static int g_pairs, g_gapless = 1, g_npubs, g_sending, g_stormclose, g_record = 1;
static u32 g_fan = 1;
static conn **dirty, **ready;
static int ndirty, nready;
static void (*on_up)(conn *);

static void mark_dirty(conn *c) {
  if (!c->dirty) {
    c->dirty = 1;
    dirty[ndirty++] = c;
  }
}
static void mark_ready(conn *c) {
  if (!c->ready) {
    c->ready = 1;
    ready[nready++] = c;
  }
}
static char *room(conn *c, u32 n) {
  if (c->outoff + c->outlen + n > c->outcap) {
    if (c->outoff) {
      memmove(c->out, c->out + c->outoff, c->outlen);
      c->outoff = 0;
    }
    if (c->outlen + n > c->outcap) {
      c->outcap = (c->outlen + n) * 2;
      if (c->outcap < 256) c->outcap = 256;
      c->out = realloc(c->out, c->outcap);
    }
  }
  char *p = c->out + c->outoff + c->outlen;
  c->outlen += n;
  mark_dirty(c);
  return p;
}
static int vlen(u32 n) { return n < 128 ? 1 : n < 16384 ? 2 : n < 2097152 ? 3 : 4; }
static char *pv(char *p, u32 n) {
  do {
    u8 b = n & 127;
    n >>= 7;
    *p++ = (char)(n ? b | 128 : b);
  } while (n);
  return p;
}
static char *p16(char *p, u32 v) {
  *p++ = (char)(v >> 8);
  *p++ = (char)v;
  return p;
}
static char *pstr(char *p, const char *s, u32 n) {
  p = p16(p, n);
  memcpy(p, s, n);
  return p + n;
}
static void interest(conn *c, int out) {
  if (c->wout == out) return;
  c->wout = (u8)out;
  struct epoll_event e = {.events = EPOLLIN | (out ? EPOLLOUT : 0), .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_MOD, c->fd, &e);
}
static void kill_conn(conn *c) {
  if (c->st == DEAD || c->st == IDLE) return;
  if (c->ssl) {
    SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); /* else its session cannot be resumed */
    SSL_free(c->ssl);
    c->ssl = 0;
  }
  close(c->fd);
  c->fd = -1;
  free(c->in);
  free(c->out);
  c->in = c->out = 0;
  c->inlen = c->outlen = c->outoff = c->outcap = 0;
  if (c->st == CLOSING) g_eof++;
  else g_dead++;
  c->st = DEAD;
}
static void flush_conn(conn *c) {
  while (c->outlen && c->st >= CONN && c->st < DEAD) {
    int n;
    if (c->ssl) {
      ERR_clear_error();
      n = SSL_write(c->ssl, c->out + c->outoff, (int)(c->outlen > 16384 * 8 ? 16384 * 8 : c->outlen));
      if (n <= 0) {
        int e = SSL_get_error(c->ssl, n);
        if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) break;
        kill_conn(c);
        return;
      }
    } else {
      n = (int)send(c->fd, c->out + c->outoff, c->outlen, MSG_NOSIGNAL);
      if (n < 0) {
        if (errno == EAGAIN || errno == EINTR) break;
        kill_conn(c);
        return;
      }
    }
    c->outoff += (u32)n;
    c->outlen -= (u32)n;
    if (!c->outlen) {
      c->outoff = 0;
      if (c->role == PUB && g_sending) mark_ready(c);
    }
  }
  if (c->st >= CONN && c->st < DEAD) interest(c, c->outlen > 0);
  if (!c->outlen && nC > 3000 && c->out) { /* many idle connections: keep no buffer */
    free(c->out);
    c->out = 0;
    c->outcap = c->outoff = 0;
  }
}
static void flush_dirty(void) {
  for (int i = 0; i < ndirty; i++) {
    dirty[i]->dirty = 0;
    flush_conn(dirty[i]);
  }
  ndirty = 0;
}

static void send_connect(conn *c) {
  char id[64];
  u32 n = (u32)snprintf(id, sizeof id, "l%d-%c%u", getpid(), c->role == PUB ? 'p' : 's', c->idx);
  u32 ul = o_user ? (u32)strlen(o_user) : 0, pl = o_pass ? (u32)strlen(o_pass) : 0;
  u32 rem = 10 + (o_ver == 5 ? 4 : 0) + 2 + n + (o_user ? 2 + ul : 0) + (o_pass ? 2 + pl : 0);
  char *p = room(c, 1 + (u32)vlen(rem) + rem);
  *p++ = 0x10;
  p = pv(p, rem);
  p = pstr(p, "MQTT", 4);
  *p++ = (char)o_ver;
  *p++ = (char)((o_persistent && c->role == SUB ? 0 : 2) | (o_user ? 0x80 : 0) | (o_pass ? 0x40 : 0)); /* clean session, or one that is kept */
  p = p16(p, 600);
  if (o_ver == 5) { /* receive maximum 65535 */
    *p++ = 3;
    *p++ = 0x21;
    p = p16(p, 65535);
  }
  p = pstr(p, id, n);
  if (o_user) p = pstr(p, o_user, ul);
  if (o_pass) p = pstr(p, o_pass, pl);
}
static void send_sub(conn *c, const char *f, int qos) {
  u32 n = (u32)strlen(f), rem = 2 + (o_ver == 5) + 2 + n + 1;
  char *p = room(c, 1 + (u32)vlen(rem) + rem);
  if (!++c->mid) c->mid = 1;
  *p++ = (char)0x82;
  p = pv(p, rem);
  p = p16(p, c->mid);
  if (o_ver == 5) *p++ = 0;
  p = pstr(p, f, n);
  *p = (char)qos;
}
static void send_disconnect(conn *c) {
  char *p = room(c, 2);
  p[0] = (char)0xe0;
  p[1] = 0;
}
#define MAGIC 0x4c4f4144u
#define PAYMIN 24
static void send_pub(conn *c, const char *t, int qos, int retain, u32 seq, u64 ts) {
  u32 tl = (u32)strlen(t), pl = (u32)o_size, rem = 2 + tl + (qos ? 2 : 0) + (o_ver == 5) + pl;
  char *p = room(c, 1 + (u32)vlen(rem) + rem);
  *p++ = (char)(0x30 | qos << 1 | retain);
  p = pv(p, rem);
  p = pstr(p, t, tl);
  if (qos) {
    if (!++c->mid) c->mid = 1;
    p = p16(p, c->mid);
  }
  if (o_ver == 5) *p++ = 0;
  u32 m = MAGIC, z = 0;
  memcpy(p, &m, 4);
  memcpy(p + 4, &c->idx, 4);
  memcpy(p + 8, &seq, 4);
  memcpy(p + 12, &z, 4);
  memcpy(p + 16, &ts, 8);
  if (pl > PAYMIN) memset(p + PAYMIN, 'x', pl - PAYMIN);
}
static void send_ack(conn *c, u8 type, u16 mid) {
  char *p = room(c, 4);
  p[0] = (char)type;
  p[1] = 2;
  p16(p + 2, mid);
}

/* ---- incoming --------------------------------------------------------------------------------------------- */
static conn **pub_of; /* publisher number -> connection */
static void got_publish(conn *c, u8 h, const u8 *b, u32 n, u64 now) {
  int qos = h >> 1 & 3;
  u32 tl = (u32)b[0] << 8 | b[1], o = 2 + tl;
  u16 mid = 0;
  if (o > n) die("malformed PUBLISH");
  if (qos) {
    mid = (u16)(b[o] << 8 | b[o + 1]);
    o += 2;
  }
  if (o_ver == 5) {
    u32 l = 0, s = 0;
    do l |= (u32)(b[o] & 127) << s, s += 7;
    while (b[o++] & 128);
    o += l;
  }
  if (qos == 1) send_ack(c, 0x40, mid);
  else if (qos == 2) send_ack(c, 0x50, mid);
  u32 m = 0, pub, seq;
  u64 ts;
  if (n >= o + PAYMIN) memcpy(&m, b + o, 4);
  if (m != MAGIC) {
    g_badpay++;
    return;
  }
  memcpy(&pub, b + o + 4, 4);
  memcpy(&seq, b + o + 8, 4);
  memcpy(&ts, b + o + 16, 8);
  if (h & 1) g_retained++;
  g_recv++;
  if (g_record) hist_add(now - ts);
  if (pub < (u32)g_npubs) {
    conn *P = pub_of[pub];
    P->delivered++;
    if (g_sending && !o_rate) mark_ready(P);
    if (c->last && !o_shared) {
      u32 *l = &c->last[g_pairs ? 0 : pub];
      if (seq == *l) g_dup++;
      else if (seq < *l) g_order++;
      else {
        if (g_gapless && seq != *l + 1) g_lost += seq - *l - 1;
        *l = seq;
      }
    }
  }
}
static void got_packet(conn *c, u8 h, const u8 *b, u32 n, u64 now) {
  switch (h >> 4) {
  case 2:
    if (n < 2 || b[1]) {
      g_refused++;
      kill_conn(c);
      return;
    }
    c->recvmax = 65535;
    if (o_ver == 5 && n > 3) { /* look for Receive Maximum */
      const u8 *p = b + 2, *e = b + n;
      u32 l = 0, s = 0;
      do l |= (u32)(*p & 127) << s, s += 7;
      while (*p++ & 128);
      if (p + l < e) e = p + l;
      while (p < e) {
        u8 id = *p++;
        if (id == 0x21) c->recvmax = (u32)p[0] << 8 | p[1];
        if (id == 0x21 || id == 0x22 || id == 0x13) p += 2;
        else if (id == 0x11 || id == 0x27) p += 4;
        else if (id == 0x24 || id == 0x25 || id == 0x28 || id == 0x29 || id == 0x2a) p += 1;
        else if (id == 0x26) {
          p += 2 + ((u32)p[0] << 8 | p[1]);
          p += 2 + ((u32)p[0] << 8 | p[1]);
        } else p += 2 + ((u32)p[0] << 8 | p[1]);
      }
    }
    c->st = UP;
    g_up++;
    if (g_record && c->t0) hist_add(now - c->t0);
    if (on_up) on_up(c);
    if (g_stormclose) {
      send_disconnect(c);
      flush_conn(c);
      if (c->st != DEAD) c->st = CLOSING;
    }
    break;
  case 3:
    got_publish(c, h, b, n, now);
    break;
  case 4:
  case 7:
    if (n > 2 && b[2] >= 0x80) g_nack++;
    c->inflight--;
    g_acked++;
    if (g_sending) mark_ready(c);
    break;
  case 5:
    if (n > 2 && b[2] >= 0x80) {
      g_nack++;
      c->inflight--;
    } else send_ack(c, 0x62, (u16)(b[0] << 8 | b[1]));
    break;
  case 6:
    send_ack(c, 0x70, (u16)(b[0] << 8 | b[1]));
    break;
  case 9:
    c->subacks++;
    g_subacks++;
    if (b[n - 1] >= 0x80) die("subscription refused, code 0x%x", b[n - 1]);
    break;
  case 14:
    if (c->st == UP) fprintf(stderr, "load: DISCONNECT from the broker, reason 0x%x\n", n ? b[0] : 0);
    break;
  }
}

#define RB (256 * 1024)
static char rbuf[RB * 2];
static void on_readable(conn *c) {
  for (;;) {
    u32 have = c->inlen;
    if (have) {
      memcpy(rbuf, c->in, have);
      free(c->in);
      c->in = 0;
      c->inlen = 0;
    }
    int n;
    if (c->ssl) {
      ERR_clear_error();
      n = SSL_read(c->ssl, rbuf + have, RB);
      if (n <= 0) {
        int e = SSL_get_error(c->ssl, n);
        if (e != SSL_ERROR_WANT_READ && e != SSL_ERROR_WANT_WRITE) {
          kill_conn(c);
          return;
        }
        n = 0;
      }
    } else {
      n = (int)recv(c->fd, rbuf + have, RB, 0);
      if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
        kill_conn(c);
        return;
      }
      if (n < 0) n = 0;
    }
    u64 now = now_ns();
    const u8 *p = (u8 *)rbuf, *e = p + have + n;
    while (e - p >= 2) {
      u32 l = 0, s = 0;
      const u8 *q = p + 1;
      int ok = 0;
      while (q < e && s < 28) {
        u8 b = *q++;
        l |= (u32)(b & 127) << s;
        s += 7;
        if (!(b & 128)) {
          ok = 1;
          break;
        }
      }
      if (!ok || (u32)(e - q) < l) break;
      got_packet(c, *p, q, l, now);
      if (c->st == DEAD) return;
      p = q + l;
    }
    if (p < e) {
      c->inlen = (u32)(e - p);
      if (c->inlen > RB) die("packet too large");
      c->in = malloc(c->inlen);
      memcpy(c->in, p, c->inlen);
    }
    if (!(c->ssl && n > 0 && SSL_pending(c->ssl))) return;
  }
}
static int sess_cb(SSL *s, SSL_SESSION *ss) {
  conn *c = SSL_get_app_data(s);
  if (c->sess) SSL_SESSION_free(c->sess);
  c->sess = ss;
  return 1;
}
static void advance(conn *c) { /* TCP connected -> TLS -> CONNECT */
  if (c->st == TCP) {
    int e = 0;
    socklen_t l = sizeof e;
    getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
    if (e) {
      kill_conn(c);
      return;
    }
    if (o_tls) {
      c->ssl = SSL_new(ctx);
      SSL_set_fd(c->ssl, c->fd);
      SSL_set_app_data(c->ssl, c);
      SSL_set_tlsext_host_name(c->ssl, "localhost");
      if (o_resume && c->sess) { /* a copy: a closing connection can mark its session as spent, and no new ticket need come */
        SSL_SESSION *d = SSL_SESSION_dup(c->sess);
        SSL_set_session(c->ssl, d);
        SSL_SESSION_free(d);
      }
      SSL_set_connect_state(c->ssl);
      c->st = HAND;
    } else {
      c->st = CONN;
      send_connect(c);
    }
  }
  if (c->st == HAND) {
    ERR_clear_error();
    int r = SSL_do_handshake(c->ssl);
    if (r == 1) {
      if (SSL_session_reused(c->ssl)) g_resumed++;
      c->st = CONN;
      send_connect(c);
      interest(c, 0);
    } else {
      int e = SSL_get_error(c->ssl, r);
      if (e == SSL_ERROR_WANT_WRITE) interest(c, 1);
      else if (e == SSL_ERROR_WANT_READ) interest(c, 0);
      else {
        static int said;
        if (!said++) fprintf(stderr, "load: TLS handshake failed: %s\n", ERR_error_string(ERR_get_error(), 0));
        kill_conn(c);
      }
    }
  }
}
static void open_conn(conn *c) {
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((u16)o_port)}, src = {.sin_family = AF_INET};
  inet_pton(AF_INET, o_host, &a.sin_addr);
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (c->fd < 0) die("socket: %s", strerror(errno));
  int one = 1;
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!strncmp(o_host, "127.", 4)) { /* spread over source addresses: more than 28k ports */
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
    src.sin_addr.s_addr = htonl(0x7f000002u + c->idx % 16);
    if (bind(c->fd, (void *)&src, sizeof src)) die("bind: %s", strerror(errno));
  }
  c->inflight = c->outlen = c->outoff = c->inlen = c->subacks = 0;
  c->t0 = now_ns();
  c->wout = 1;
  c->st = TCP;
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT, .data.ptr = c};
  epoll_ctl(ep, EPOLL_CTL_ADD, c->fd, &e);
  if (connect(c->fd, (void *)&a, sizeof a) && errno != EINPROGRESS) kill_conn(c);
}

/* ---- the loop --------------------------------------------------------------------------------------------- */
static void (*topic_of)(conn *, u32 seq, char *buf);
static void top_up(conn *c) {
  if (c->st != UP || c->outlen > 65536) return;
  u64 ts = now_ns();
  u32 w = (u32)o_win;
  if (c->recvmax < w) w = c->recvmax;
  int k = 0;
  while (g_sending && k++ < 256) {
    if (o_qos && c->inflight >= w) break;
    if (!o_open && (u64)c->seq * g_fan - c->delivered >= (u64)o_win * g_fan) break;
    if (o_open && !o_qos && c->outlen > 32768) break;
    char tb[256], *t = c->topic;
    c->seq++;
    if (topic_of) topic_of(c, c->seq, t = tb);
    send_pub(c, t, o_qos, 0, c->seq, ts);
    if (o_qos) c->inflight++;
    g_sent++;
  }
}
static u64 rate_t0, rate_sent, rate_late;
static u32 rate_next;
static void rate_tick(void) {
  u64 due = (u64)((double)(now_ns() - rate_t0) / 1e9 * o_rate);
  int guard = 0;
  while (rate_sent < due && guard++ < 5000) {
    conn *c = pub_of[rate_next++ % (u32)g_npubs];
    if (c->st != UP || (o_qos && c->inflight >= (u32)o_win) || c->outlen > 65536) {
      rate_late++;
      rate_sent++;
      continue;
    }
    char tb[256], *t = c->topic;
    c->seq++;
    if (topic_of) topic_of(c, c->seq, t = tb);
    send_pub(c, t, o_qos, 0, c->seq, now_ns());
    if (o_qos) c->inflight++;
    g_sent++;
    rate_sent++;
  }
}
static void pump(int ms) {
  static struct epoll_event ev[512];
  if (nready && !o_rate) ms = 0;
  int n = epoll_wait(ep, ev, 512, ms);
  for (int i = 0; i < n; i++) {
    conn *c = ev[i].data.ptr;
    if (!c) {
      u64 x;
      if (read(tfd, &x, 8) == 8 && g_sending) rate_tick();
      continue;
    }
    if (c->st == DEAD || c->st == IDLE) continue;
    if (c->st <= HAND) {
      if (c->st == TCP && !(ev[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))) continue;
      advance(c);
      continue;
    }
    if (ev[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) on_readable(c);
    if (c->st != DEAD && c->st > HAND && (ev[i].events & EPOLLOUT)) flush_conn(c);
  }
  if (g_sending && !o_rate) {
    int k = nready;
    static conn **tmp;
    static int cap;
    if (k > cap) tmp = realloc(tmp, sizeof *tmp * (size_t)(cap = k * 2));
    memcpy(tmp, ready, sizeof *tmp * (size_t)k);
    nready = 0;
    for (int i = 0; i < k; i++) tmp[i]->ready = 0;
    for (int i = 0; i < k; i++) top_up(tmp[i]);
  } else {
    for (int i = 0; i < nready; i++) ready[i]->ready = 0;
    nready = 0;
  }
  flush_dirty();
}
static void alloc_conns(int n) {
  nC = n;
  C = calloc((size_t)n, sizeof *C);
  dirty = calloc((size_t)n, sizeof *dirty);
  ready = calloc((size_t)n, sizeof *ready);
  for (int i = 0; i < n; i++) C[i].fd = -1, C[i].idx = (u32)i;
}
static void open_all(int from, int to) { /* at most o_conc on their way at once */
  int next = from;
  u64 base_up = g_up, base_bad = g_dead, end = now_ns() + 120000000000ull;
  while (g_up - base_up + (g_dead - base_bad) < (u64)(to - from)) {
    while (next < to && (u64)(next - from) - (g_up - base_up) - (g_dead - base_bad) < (u64)o_conc) open_conn(&C[next++]);
    pump(100);
    if (now_ns() > end) die("only %lu of %d connections came up", (unsigned long)(g_up - base_up), to - from);
  }
  if (g_dead != base_bad) die("%lu connections failed (%lu refused)", (unsigned long)(g_dead - base_bad), (unsigned long)g_refused);
}
static void wait_until(u64 *v, u64 want, double secs, const char *what) {
  u64 end = now_ns() + (u64)(secs * 1e9);
  while (*v < want) {
    pump(50);
    if (now_ns() > end) die("timeout: %s: %lu of %lu", what, (unsigned long)*v, (unsigned long)want);
  }
}

/* ---- results ---------------------------------------------------------------------------------------------- */
static double t_wall, t_cpu, t_gen;
static u64 t_recv, t_sent;
static void json_head(void) {
  printf("{\"broker\":\"%s\",\"scenario\":\"%s\",\"v\":%d,\"tls\":%d,\"qos\":%d,\"size\":%d", o_broker, o_label ? o_label : o_scen, o_ver, o_tls,
         o_qos, o_size);
}
static void measured_run(void) {
  struct rlimit rl;
  (void)rl;
  g_record = 0;
  g_sending = 1;
  if (o_rate) {
    rate_t0 = now_ns();
    struct itimerspec it = {.it_interval.tv_nsec = 1000000, .it_value.tv_nsec = 1000000};
    timerfd_settime(tfd, 0, &it, 0);
  } else
    for (int i = 0; i < g_npubs; i++) mark_ready(pub_of[i]);
  u64 end = now_ns() + (u64)(o_warm * 1e9);
  while (now_ns() < end) pump(10);
  hist_reset();
  g_record = 1;
  double c0 = broker_cpu(), s0 = self_cpu();
  u64 t0 = now_ns(), r0 = g_recv, x0 = g_sent;
  end = t0 + (u64)(o_secs * 1e9);
  while (now_ns() < end) pump(10);
  t_wall = (double)(now_ns() - t0) / 1e9;
  t_cpu = broker_cpu() - c0;
  t_gen = self_cpu() - s0;
  t_recv = g_recv - r0;
  t_sent = g_sent - x0;
  g_sending = 0;
  g_record = 0;
  /* drain: everything sent must arrive and be acknowledged */
  u64 want = g_sent * g_fan, last = 0, lastchange = now_ns();
  while (g_recv < want || (o_qos && g_acked < g_sent)) {
    pump(20);
    if (g_recv + g_acked != last) last = g_recv + g_acked, lastchange = now_ns();
    if (now_ns() - lastchange > (u64)((o_qos ? o_drain : 3) * 1e9)) break;
  }
  u64 missing = g_sent * g_fan > g_recv ? g_sent * g_fan - g_recv : 0;
  u64 extra = g_recv > g_sent * g_fan ? g_recv - g_sent * g_fan : 0;
  int bad = g_order || g_dup || g_badpay || g_nack || g_dead || extra || (o_qos && (missing || g_acked < g_sent));
  if (!o_qos && missing && !o_open && !o_rate) bad = 1; /* closed loop at QoS 0: a live subscriber lost something */
  if (o_expect_loss) bad = 0;
  json_head();
  printf(",\"pubs\":%d,\"subs\":%d,\"fan\":%u,\"win\":%d,\"rate\":%.0f,\"secs\":%.2f,\"in_per_s\":%.0f,\"out_per_s\":%.0f,\"cpu_us_per_delivery\":%.3f,"
         "\"cpu_us_per_publish\":%.3f,\"cpu_cores\":%.2f,\"gen_cores\":%.2f,\"p50_us\":%.0f,\"p90_us\":%.0f,\"p99_us\":%.0f,\"p999_us\":%.0f,\"max_us\":%.0f,"
         "\"missing\":%lu,\"dup\":%lu,\"order\":%lu,\"late\":%lu,\"dead\":%lu,\"pss_kb\":%ld,\"ok\":%d}\n",
         g_npubs, o_subs, g_fan, o_win, o_rate, t_wall, (double)t_sent / t_wall, (double)t_recv / t_wall, t_recv ? t_cpu * 1e6 / (double)t_recv : 0.0,
         t_sent ? t_cpu * 1e6 / (double)t_sent : 0.0, t_cpu / t_wall, t_gen / t_wall, hist_q(.5), hist_q(.9), hist_q(.99), hist_q(.999), hist_q(1),
         (unsigned long)missing, (unsigned long)g_dup, (unsigned long)g_order, (unsigned long)rate_late, (unsigned long)g_dead, broker_pss(), !bad);
  fflush(stdout);
  if (bad) exit(1);
}
static char *fmt(const char *f, ...) {
  char *s;
  va_list a;
  va_start(a, f);
  if (vasprintf(&s, f, a) < 0) die("memory");
  va_end(a);
  return s;
}

/* ---- scenarios -------------------------------------------------------------------------------------------- */
/* P publishers, S subscribers; fanin: each subscriber gets everything (or a share of it); fanout: likewise;
 * pairs: publisher i to subscriber i. */
static void scen_flow(void) {
  int fanin = !strcmp(o_scen, "fanin");
  g_pairs = !strcmp(o_scen, "pairs");
  if (g_pairs) o_subs = o_pubs;
  else if (!fanin) o_pubs = o_pubs < 1 ? 1 : o_pubs;
  g_npubs = o_pubs;
  g_fan = g_pairs || o_shared ? 1 : (u32)o_subs;
  alloc_conns(o_pubs + o_subs);
  pub_of = calloc((size_t)o_pubs, sizeof *pub_of);
  for (int i = 0; i < o_pubs; i++) {
    C[i].role = PUB;
    pub_of[i] = &C[i];
    C[i].topic = g_pairs ? fmt("load/pair/%06d/value", i) : fmt("load/site/%06d/value", i);
  }
  for (int i = 0; i < o_subs; i++) {
    conn *c = &C[o_pubs + i];
    c->role = SUB;
    c->last = calloc(g_pairs ? 1 : (size_t)o_pubs, sizeof(u32));
  }
  open_all(0, nC);
  int sq = o_subqos < 0 ? o_qos : o_subqos;
  for (int i = 0; i < o_subs; i++) {
    char *f = g_pairs ? fmt("load/pair/%06d/value", i) : o_shared ? fmt("$share/g/load/site/+/value") : fmt("load/site/+/value");
    send_sub(&C[o_pubs + i], f, sq);
    free(f);
  }
  wait_until(&g_subacks, (u64)o_subs, 30, "SUBACK");
  measured_run();
}

/* o_n subscriptions over o_subs connections, four kinds of filter; each published topic matches exactly one */
static void subs_topic(conn *c, u32 seq, char *b) {
  u32 x = (seq * 2654435761u + c->idx * 40503u) % (u32)o_topics;
  u32 per = (u32)(o_n / o_subs), s = (u32)((u64)x * (u64)o_n / (u64)o_topics), g = s / per, k = s % per;
  switch (k & 3) {
  case 0: sprintf(b, "subs/g%u/d%u/temp", g, k); break;
  case 1: sprintf(b, "subs/g%u/x%u/m%u", g, seq & 1, k); break;
  case 2: sprintf(b, "subs/y%u/g%u/k%u", seq & 1, g, k); break;
  case 3: sprintf(b, "subs/g%u/k%u/a/b", g, k); break;
  }
}
static void scen_subs(void) {
  int per = o_n / o_subs;
  o_n = per * o_subs;
  g_npubs = o_pubs;
  g_gapless = 0;
  g_fan = 1;
  alloc_conns(o_pubs + o_subs);
  pub_of = calloc((size_t)o_pubs, sizeof *pub_of);
  for (int i = 0; i < o_pubs; i++) C[i].role = PUB, pub_of[i] = &C[i];
  for (int i = 0; i < o_subs; i++) C[o_pubs + i].role = SUB, C[o_pubs + i].last = calloc((size_t)o_pubs, sizeof(u32));
  open_all(0, nC);
  long m0 = broker_pss();
  double c0 = broker_cpu();
  u64 t0 = now_ns(), sent = 0;
  for (int k = 0; k < per; k++)
    for (int i = 0; i < o_subs; i++) {
      char f[128];
      switch (k & 3) {
      case 0: sprintf(f, "subs/g%d/d%d/temp", i, k); break;
      case 1: sprintf(f, "subs/g%d/+/m%d", i, k); break;
      case 2: sprintf(f, "subs/+/g%d/k%d", i, k); break;
      default: sprintf(f, "subs/g%d/k%d/#", i, k); break;
      }
      send_sub(&C[o_pubs + i], f, o_qos);
      if (++sent % 500 == 0) wait_until(&g_subacks, sent - 400, 60, "SUBACK");
    }
  wait_until(&g_subacks, sent, 60, "SUBACK");
  double el = (double)(now_ns() - t0) / 1e9;
  json_head();
  printf(",\"what\":\"subscribe\",\"subscriptions\":%d,\"subs_per_s\":%.0f,\"cpu_us_per_sub\":%.2f,\"bytes_per_sub\":%.0f,\"ok\":1}\n", o_n, o_n / el,
         (broker_cpu() - c0) * 1e6 / o_n, (double)(broker_pss() - m0) * 1024.0 / o_n);
  fflush(stdout);
  topic_of = subs_topic;
  measured_run();
}

static void scen_storm(void) {
  alloc_conns(o_conc);
  g_stormclose = 1;
  for (int i = 0; i < nC; i++) C[i].role = SUB;
  int warm = o_n / 5, started = 0;
  double c0 = 0, s0 = 0;
  u64 t0 = 0, end = now_ns() + (u64)(o_secs * 1e9) + 60000000000ull, base = 0, stop = 0, measuring = 0;
  u64 last_up = 0, last_t = now_ns();
  for (;;) {
    u64 done = g_eof + g_dead;
    if (!measuring && done >= (u64)warm) {
      measuring = 1;
      hist_reset();
      c0 = broker_cpu();
      s0 = self_cpu();
      t0 = now_ns();
      base = g_up;
      g_resumed = 0;
      stop = t0 + (u64)(o_secs * 1e9);
    }
    if (measuring && (g_up - base >= (u64)o_n || now_ns() > stop)) break;
    if (now_ns() > end) break;
    for (int i = 0; i < nC; i++)
      if (C[i].st == IDLE || C[i].st == DEAD) {
        C[i].mid = 0;
        open_conn(&C[i]);
        started++;
      }
    pump(50);
    if (g_up != last_up) last_up = g_up, last_t = now_ns();
    if (now_ns() - last_t > 20000000000ull) die("no connection for 20 s (up %lu dead %lu refused %lu)", (unsigned long)g_up, (unsigned long)g_dead, (unsigned long)g_refused);
  }
  t_wall = (double)(now_ns() - t0) / 1e9;
  t_cpu = broker_cpu() - c0;
  t_gen = self_cpu() - s0;
  u64 n = g_up - base;
  json_head();
  printf(",\"resume\":%d,\"conc\":%d,\"connects\":%lu,\"connects_per_s\":%.0f,\"cpu_us_per_connect\":%.1f,\"cpu_cores\":%.2f,\"gen_cores\":%.2f,\"p50_us\":%.0f,"
         "\"p99_us\":%.0f,\"resumed\":%lu,\"failed\":%lu,\"pss_kb\":%ld,\"ok\":%d}\n",
         o_resume, o_conc, (unsigned long)n, (double)n / t_wall, t_cpu * 1e6 / (double)n, t_cpu / t_wall, t_gen / t_wall, hist_q(.5), hist_q(.99),
         (unsigned long)g_resumed, (unsigned long)g_dead, broker_pss(), g_dead == 0);
  if (g_dead) exit(1);
}

static void sub_own(conn *c) {
  char f[64];
  sprintf(f, "dev/%u/cmd/#", c->idx);
  send_sub(c, f, 1);
}
static void scen_idle(void) {
  alloc_conns(o_n);
  for (int i = 0; i < nC; i++) C[i].role = SUB;
  on_up = sub_own;
  long m0 = broker_pss();
  double c0 = broker_cpu();
  u64 t0 = now_ns();
  open_all(0, nC);
  wait_until(&g_subacks, (u64)nC, 60, "SUBACK");
  double el = (double)(now_ns() - t0) / 1e9, cc = broker_cpu() - c0;
  u64 end = now_ns() + (u64)(o_secs * 1e9);
  double i0 = broker_cpu();
  while (now_ns() < end) pump(100);
  double ic = (broker_cpu() - i0) / o_secs;
  long m1 = broker_pss();
  json_head();
  printf(",\"conns\":%d,\"connects_per_s\":%.0f,\"cpu_us_per_connect\":%.1f,\"pss0_kb\":%ld,\"pss_kb\":%ld,\"bytes_per_conn\":%.0f,\"idle_cores\":%.4f,"
         "\"dropped\":%lu,\"ok\":%d}\n",
         o_n, o_n / el, cc * 1e6 / o_n, m0, m1, (double)(m1 - m0) * 1024.0 / o_n, ic, (unsigned long)g_dead, g_dead == 0);
  if (g_dead) exit(1);
}

static void scen_retain(void) {
  int np = 4;
  alloc_conns(np + o_replays);
  g_npubs = np;
  g_gapless = 0;
  pub_of = calloc((size_t)np, sizeof *pub_of);
  for (int i = 0; i < nC; i++) C[i].role = i < np ? PUB : SUB;
  for (int i = 0; i < np; i++) pub_of[i] = &C[i];
  g_record = 0;
  open_all(0, np);
  for (int pass = 0; pass < 2; pass++) { /* pass 0 stores, pass 1 (after the replays) clears */
    long m0 = broker_pss();
    double c0 = broker_cpu();
    u64 t0 = now_ns(), a0 = g_acked;
    int size = o_size;
    if (pass) o_size = 0;
    for (int i = 0; i < o_n; i++) {
      conn *c = &C[i % np];
      char t[128];
      sprintf(t, "ret/site%d/dev%d/v%d", i % 50, i / 50 % 400, i / 20000);
      while (c->inflight >= (u32)(o_win < (int)c->recvmax ? o_win : (int)c->recvmax)) {
        pump(100);
        if (c->st != UP) die("publisher lost");
      }
      u32 pl = (u32)o_size;
      if (pl) send_pub(c, t, 1, 1, (u32)i + 1, now_ns());
      else { /* empty payload: clear */
        u32 tl = (u32)strlen(t), rem = 2 + tl + 2 + (o_ver == 5);
        char *p = room(c, 1 + (u32)vlen(rem) + rem);
        *p++ = 0x33;
        p = pv(p, rem);
        p = pstr(p, t, tl);
        if (!++c->mid) c->mid = 1;
        p = p16(p, c->mid);
        if (o_ver == 5) *p = 0;
      }
      c->inflight++;
      if (i % 64 == 63) pump(0);
    }
    wait_until(&g_acked, a0 + (u64)o_n, 60, "PUBACK of retained");
    double el = (double)(now_ns() - t0) / 1e9, cpu = broker_cpu() - c0;
    o_size = size;
    json_head();
    printf(",\"what\":\"%s\",\"n\":%d,\"per_s\":%.0f,\"cpu_us_per_msg\":%.2f,\"bytes_per_topic\":%.0f,\"ok\":1}\n", pass ? "clear" : "store", o_n,
           o_n / el, cpu * 1e6 / o_n, (double)(broker_pss() - m0) * 1024.0 / o_n);
    fflush(stdout);
    if (pass) break;
    double tot = 0, ctot = 0, worst = 0;
    int bad = 0;
    for (int r = 0; r < o_replays; r++) {
      conn *c = &C[np + r];
      open_all(np + r, np + r + 1);
      u64 r0 = g_recv, x0 = g_retained;
      c0 = broker_cpu();
      t0 = now_ns();
      send_sub(c, r % 2 ? "ret/+/+/+" : "ret/#", o_qos);
      u64 lastc = t0, last = g_recv;
      while (g_recv - r0 < (u64)o_n) {
        pump(50);
        if (g_recv != last) last = g_recv, lastc = now_ns();
        if (now_ns() - lastc > 8000000000ull) break;
      }
      el = (double)(now_ns() - t0) / 1e9;
      tot += el;
      if (el > worst) worst = el;
      ctot += broker_cpu() - c0;
      if (g_recv - r0 != (u64)o_n || g_retained - x0 != (u64)o_n) {
        fprintf(stderr, "load: replay gave %lu of %d (%lu with the retain flag)\n", (unsigned long)(g_recv - r0), o_n, (unsigned long)(g_retained - x0));
        bad = 1;
      }
      kill_conn(c);
      g_dead = 0;
    }
    json_head();
    printf(",\"what\":\"replay\",\"n\":%d,\"replays\":%d,\"mean_s\":%.3f,\"worst_s\":%.3f,\"per_s\":%.0f,\"cpu_us_per_msg\":%.2f,\"ok\":%d}\n", o_n, o_replays,
           tot / o_replays, worst, o_n * o_replays / tot, ctot * 1e6 / o_n / o_replays, !bad);
    fflush(stdout);
  }
}

/* One subscriber with a session that is kept: it subscribes and goes away, o_n messages come, it comes back for them. */
static void scen_offline(void) {
  int np = o_pubs;
  o_persistent = 1;
  g_npubs = np;
  alloc_conns(np + 1);
  pub_of = calloc((size_t)np, sizeof *pub_of);
  for (int i = 0; i < np; i++) {
    C[i].role = PUB;
    pub_of[i] = &C[i];
    C[i].topic = fmt("load/site/%06d/value", i);
  }
  conn *sub = &C[np];
  sub->role = SUB;
  sub->last = calloc((size_t)np, sizeof(u32));
  g_record = 0;
  open_all(0, nC);
  send_sub(sub, "load/site/+/value", o_qos);
  wait_until(&g_subacks, 1, 30, "SUBACK");
  send_disconnect(sub);
  flush_conn(sub);
  if (sub->st != DEAD) sub->st = CLOSING;
  wait_until(&g_eof, 1, 30, "the end of the subscriber's connection");
  double c0 = broker_cpu();
  u64 t0 = now_ns();
  for (int i = 0; i < o_n; i++) {
    conn *c = &C[i % np];
    while (c->inflight >= (u32)(o_win < (int)c->recvmax ? o_win : (int)c->recvmax)) {
      pump(100);
      if (c->st != UP) die("publisher lost");
    }
    send_pub(c, c->topic, o_qos, 0, ++c->seq, now_ns());
    c->inflight++;
    g_sent++;
    if (i % 64 == 63) pump(0);
  }
  wait_until(&g_acked, (u64)o_n, 120, "PUBACK of what waits");
  double el = (double)(now_ns() - t0) / 1e9, cpu = broker_cpu() - c0;
  json_head();
  printf(",\"what\":\"store\",\"n\":%d,\"per_s\":%.0f,\"cpu_us_per_msg\":%.2f,\"ok\":1}\n", o_n, o_n / el, cpu * 1e6 / o_n);
  fflush(stdout);
  c0 = broker_cpu();
  t0 = now_ns();
  open_all(np, nC);
  wait_until(&g_recv, (u64)o_n, 120, "what waited");
  el = (double)(now_ns() - t0) / 1e9;
  cpu = broker_cpu() - c0;
  int bad = g_dup || g_order || g_lost || g_badpay || g_nack || g_recv != (u64)o_n;
  json_head();
  printf(",\"what\":\"deliver\",\"n\":%d,\"per_s\":%.0f,\"cpu_us_per_msg\":%.2f,\"dup\":%lu,\"order\":%lu,\"missing\":%lu,\"ok\":%d}\n", o_n, o_n / el,
         cpu * 1e6 / o_n, (unsigned long)g_dup, (unsigned long)g_order, (unsigned long)g_lost, !bad);
  if (bad) exit(1);
}

static void usage(void) {
  fprintf(stderr,
          "load SCENARIO -p PORT -P BROKERPID [options]\n"
          "  fanin   P publishers -> S subscribers of all of it      --pubs --subs [--shared] --qos --win [--rate] [--open]\n"
          "  fanout  the same with few publishers, many subscribers\n"
          "  pairs   publisher i -> subscriber i                     --pubs\n"
          "  subs    N wildcard subscriptions over S connections     --n --subs --pubs --topics\n"
          "  storm   connect, CONNACK, DISCONNECT, again             --n --conc\n"
          "  idle    N connections, one subscription each, waiting   --n --secs\n"
          "  offline N messages while one kept subscriber is away     --n --pubs --qos --win\n"
          "  retain  store N retained topics, replay, clear          --n --replays\n"
          "options: -h HOST -V 4|5 --size BYTES --secs S --warm S --rate MSGS/S(total) --win UNACKED --subqos Q --name BROKER --label L\n"
          "         --tls --ca F --cert F --key F --resume --user U --pass P --open (QoS 0 without end-to-end window) --expect-loss\n"
          "         --persistent (the subscribers' sessions are kept)\n");
  exit(2);
}
int main(int ac, char **av) {
  static struct option lo[] = {{"pubs", 1, 0, 1},  {"subs", 1, 0, 2},    {"qos", 1, 0, 'q'},    {"size", 1, 0, 3},   {"win", 1, 0, 4},   {"secs", 1, 0, 5},
                               {"warm", 1, 0, 6},  {"rate", 1, 0, 7},    {"n", 1, 0, 'n'},      {"conc", 1, 0, 8},   {"tls", 0, 0, 9},   {"ca", 1, 0, 10},
                               {"cert", 1, 0, 11}, {"key", 1, 0, 12},    {"resume", 0, 0, 13},  {"shared", 0, 0, 14}, {"topics", 1, 0, 15}, {"name", 1, 0, 16},
                               {"label", 1, 0, 17}, {"replays", 1, 0, 18}, {"subqos", 1, 0, 19}, {"open", 0, 0, 20},  {"user", 1, 0, 21}, {"pass", 1, 0, 22},
                               {"expect-loss", 0, 0, 23}, {"persistent", 0, 0, 24}, {0}};
  int o;
  if (ac < 2 || av[1][0] == '-') usage();
  o_scen = av[1];
  optind = 2;
  while ((o = getopt_long(ac, av, "h:p:P:V:q:n:", lo, 0)) != -1) switch (o) {
    case 'h': o_host = optarg; break;
    case 'p': o_port = atoi(optarg); break;
    case 'P': o_pid = atoi(optarg); break;
    case 'V': o_ver = atoi(optarg); break;
    case 'q': o_qos = atoi(optarg); break;
    case 'n': o_n = atoi(optarg); break;
    case 1: o_pubs = atoi(optarg); break;
    case 2: o_subs = atoi(optarg); break;
    case 3: o_size = atoi(optarg); break;
    case 4: o_win = atoi(optarg); break;
    case 5: o_secs = atof(optarg); break;
    case 6: o_warm = atof(optarg); break;
    case 7: o_rate = atof(optarg); break;
    case 8: o_conc = atoi(optarg); break;
    case 9: o_tls = 1; break;
    case 10: o_ca = optarg; break;
    case 11: o_cert = optarg; break;
    case 12: o_key = optarg; break;
    case 13: o_resume = 1; break;
    case 14: o_shared = 1; break;
    case 15: o_topics = atoi(optarg); break;
    case 16: o_broker = optarg; break;
    case 17: o_label = optarg; break;
    case 18: o_replays = atoi(optarg); break;
    case 19: o_subqos = atoi(optarg); break;
    case 20: o_open = 1; break;
    case 21: o_user = optarg; break;
    case 22: o_pass = optarg; break;
    case 23: o_expect_loss = 1; break;
    case 24: o_persistent = 1; break;
    default: usage();
    }
  if (!o_pid) fprintf(stderr, "load: no -P PID: no CPU or memory figures\n");
  if (o_size < PAYMIN) o_size = PAYMIN;
  if (strncmp(o_host, "127.", 4) && strcmp(o_host, "localhost")) die("only 127.0.0.0/8: this is a load test");
  if (!strcmp(o_host, "localhost")) o_host = "127.0.0.1";
  signal(SIGPIPE, SIG_IGN);
  struct rlimit rl = {65536, 65536};
  if (setrlimit(RLIMIT_NOFILE, &rl)) { /* not root: as many as we may */
    getrlimit(RLIMIT_NOFILE, &rl);
    rl.rlim_cur = rl.rlim_max;
    setrlimit(RLIMIT_NOFILE, &rl);
  }
  ep = epoll_create1(EPOLL_CLOEXEC);
  tfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = 0};
  epoll_ctl(ep, EPOLL_CTL_ADD, tfd, &e);
  if (o_tls) {
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    if (o_ca && SSL_CTX_load_verify_locations(ctx, o_ca, 0) == 1) SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, 0);
    if (o_cert && (SSL_CTX_use_certificate_chain_file(ctx, o_cert) != 1 || SSL_CTX_use_PrivateKey_file(ctx, o_key, SSL_FILETYPE_PEM) != 1))
      die("client certificate: %s", ERR_error_string(ERR_get_error(), 0));
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF); /* a broker that closes without close_notify must not spoil the session */
    if (o_resume) {
      SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
      SSL_CTX_sess_set_new_cb(ctx, sess_cb);
    }
  }
  if (!strcmp(o_scen, "fanin") || !strcmp(o_scen, "fanout") || !strcmp(o_scen, "pairs")) scen_flow();
  else if (!strcmp(o_scen, "subs")) scen_subs();
  else if (!strcmp(o_scen, "storm")) scen_storm();
  else if (!strcmp(o_scen, "idle")) scen_idle();
  else if (!strcmp(o_scen, "retain")) scen_retain();
  else if (!strcmp(o_scen, "offline")) scen_offline();
  else usage();
  return 0;
}
