# requires: prompt-tuning
# An index at an HTTPS address: certificates, redirections and sizes are checked.
command -v openssl >/dev/null || { echo "SKIPPED: the program openssl, which makes a certificate, is not there"; exit 77; }
export HOME=$PWD/home
unset XDG_DATA_HOME XDG_CONFIG_HOME XDG_STATE_HOME CUECARD_PLUGIN_PATH CUECARD_PLUGIN_INDEX https_proxy HTTPS_PROXY all_proxy ALL_PROXY
mkdir home index
cp "$SOURCE/LICENSE" LICENSE
echo 'A tuner.' >README.md
cuecard plugin pack "$PLUGINS/prompt-tuning.so" --out index/prompt-tuning-0.2.0.tar.gz >/dev/null
cuecard plugin index index >/dev/null
cp -r index longer && echo more >>longer/prompt-tuning-0.2.0.tar.gz
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout server.pem -out authority.pem -days 2 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>/dev/null
cat >server.py <<'PYTHON'
import functools, http.server, ssl, sys, threading

class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if self.path.startswith("/to-https/"):
            return self.redirect(self.path.replace("/to-https/", "/index/"))
        if self.path.startswith("/to-http/"):
            return self.redirect("http://localhost:%d/index/index.json" % plain.server_address[1])
        super().do_GET()
    def redirect(self, place):
        self.send_response(302)
        self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()
    def log_message(self, *words):
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("authority.pem", "server.pem")
plain = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
secure = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
secure.socket = context.wrap_socket(secure.socket, server_side=True)
threading.Thread(target=plain.serve_forever, daemon=True).start()
print(secure.server_address[1], plain.server_address[1], flush=True)
secure.serve_forever()
PYTHON
python3 server.py >ports 2>server.err &
server=$!
trap 'kill $server' EXIT
until [ -s ports ]; do kill -0 $server; sleep 0.05; done
read -r secure plain <ports
expect() { # CODE PATTERN WORDS...
  local code=$1 pattern=$2 status=0
  shift 2
  cuecard "$@" >out 2>err || status=$?
  { [ $status -eq $code ] && grep -qE -- "$pattern" out err; } || { echo "cuecard $*: exit code $status, expected $code, \"$pattern\""; cat out err server.err; exit 1; }
}
expect 3 'could not be downloaded: .*certificate' plugin search --index https://localhost:$secure/index
export SSL_CERT_FILE=$PWD/authority.pem
expect 3 'could not be downloaded: ' plugin search --index https://127.0.0.1:$secure/index # not the name on the certificate
expect 3 'begin with https://' plugin search --index http://localhost:$plain/index
expect 3 'begin with https://' plugin search --index file://$PWD/index
expect 3 'could not be downloaded: .*404' plugin search --index https://localhost:$secure/nothing
expect 3 'could not be downloaded: ' plugin search --index https://localhost:$secure/to-http
expect 0 '^prompt-tuning 0.2.0' plugin search --index https://localhost:$secure/to-https
expect 3 'is larger than expected' plugin install prompt-tuning --index https://localhost:$secure/longer
[ ! -e home/.local/share/cuecard/plugins ] || [ -z "$(find home -type f)" ]
expect 0 'is installed in' plugin install prompt-tuning --index https://localhost:$secure/index/index.json
CUECARD_PLUGIN_INDEX="https://localhost:$secure/index" expect 0 'is the newest that fits' plugin upgrade
# A signature lies beside the index there, too; a page in its place is not taken for a missing one.
cuecard plugin key new author.pem >/dev/null
cuecard plugin index index --key author.pem >/dev/null
expect 0 '^prompt-tuning 0.2.0' plugin search --index https://localhost:$secure/index
mv index/index.json.sig aside
expect 3 'has no signature, and was signed by the key' plugin search --index https://localhost:$secure/index
mkdir index/index.json.sig # the server answers with a list of what is in it
expect 3 'index/index.json.sig: ' plugin search --index https://localhost:$secure/index
rmdir index/index.json.sig && mv aside index/index.json.sig
expect 0 '^prompt-tuning 0.2.0' plugin search --index https://localhost:$secure/index
cmp "$PLUGINS/prompt-tuning.so" home/.local/share/cuecard/plugins/*/prompt-tuning/prompt-tuning.so
