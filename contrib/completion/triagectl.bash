# Completion of triagectl for bash. Made by 'triagectl completion bash'; do not edit.
_triagectl() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
  local i words='' try next='' flags=''
  case $prev in
    --config | --socket | --service | --limit | --before | --state | --incident | --since | --token-file | --base-url | --zone | --top | --timeout | --assessment | --rules | --prompts | --store | --digest | --reason | --action | --then | --why | --subject | --after | --file | --from | --dir | --state-dir | --webhook-secret-file | --subscription | --bind | --port | --time-zone | --model-url | --model-dialect | --model-name | --model-key-file | --title | --detail | --facts | --sources | --policy | --template | --max-per-hour | --days | --role | --pagerduty | --label | --out | --url)
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -* ]] && continue
    try="${words:+$words }${COMP_WORDS[i]}"
    _triagectl_words "$try" && words=$try
  done
  case $words in
    '') next=' status incidents show evidence proposals explain model look replay alarms verbs approve reject edit undo settle propose kill-switch doctor backfill jobs quarantine audit init rules sources policy user completion version help' flags='' ;;
    'status') next='' flags='' ;;
    'incidents') next='' flags=' --all --service --limit --before' ;;
    'show') next='' flags=' --timeline' ;;
    'evidence') next='' flags='' ;;
    'proposals') next='' flags=' --all --state --incident --limit --before' ;;
    'explain') next=' incident' flags='' ;;
    'explain incident') next='' flags='' ;;
    'model') next='' flags=' --limit' ;;
    'look') next='' flags=' --since --token-file --base-url --zone --top --markdown --timeout --allow-private' ;;
    'replay') next='' flags=' --assessment --rules --prompts --store' ;;
    'alarms') next='' flags='' ;;
    'verbs') next='' flags='' ;;
    'approve') next='' flags=' --yes --digest --reason' ;;
    'reject') next='' flags=' --reason --yes --digest' ;;
    'edit') next='' flags=' --action --digest' ;;
    'undo') next='' flags='' ;;
    'settle') next='' flags=' --happened --did-not --reason' ;;
    'propose') next='' flags=' --then --why' ;;
    'kill-switch') next=' status engage release' flags='' ;;
    'kill-switch status') next='' flags='' ;;
    'kill-switch engage') next='' flags=' --reason' ;;
    'kill-switch release') next='' flags=' --yes' ;;
    'doctor') next='' flags='' ;;
    'backfill') next='' flags=' --since --wait --stop' ;;
    'jobs') next=' retry' flags='' ;;
    'jobs retry') next='' flags='' ;;
    'quarantine') next=' retry' flags=' --before' ;;
    'quarantine retry') next='' flags='' ;;
    'audit') next=' list show verify export' flags='' ;;
    'audit list') next='' flags=' --incident --subject --after --limit' ;;
    'audit show') next='' flags='' ;;
    'audit verify') next='' flags=' --file --store --from' ;;
    'audit export') next='' flags=' --jsonl --after' ;;
    'init') next='' flags=' --yes --dir --state-dir --token-file --webhook-secret-file --base-url --from --subscription --bind --port --time-zone --model-url --model-dialect --model-name --model-key-file --allow-private --force' ;;
    'rules') next=' list check try' flags='' ;;
    'rules list') next='' flags='' ;;
    'rules check') next='' flags='' ;;
    'rules try') next='' flags=' --rules' ;;
    'sources') next=' check try' flags='' ;;
    'sources check') next='' flags='' ;;
    'sources try') next='' flags=' --service --title --detail --facts --sources' ;;
    'policy') next=' check try standing' flags='' ;;
    'policy check') next='' flags='' ;;
    'policy try') next='' flags=' --policy' ;;
    'policy standing') next=' list add revoke' flags='' ;;
    'policy standing list') next='' flags='' ;;
    'policy standing add') next='' flags=' --template --service --max-per-hour --days --yes' ;;
    'policy standing revoke') next='' flags='' ;;
    'user') next=' list add role disable enable token' flags='' ;;
    'user list') next='' flags='' ;;
    'user add') next='' flags=' --role --pagerduty --agent' ;;
    'user role') next='' flags='' ;;
    'user disable') next='' flags='' ;;
    'user enable') next='' flags='' ;;
    'user token') next=' new revoke' flags='' ;;
    'user token new') next='' flags=' --label --out --mine' ;;
    'user token revoke') next='' flags='' ;;
    'completion') next=' bash' flags='' ;;
    'completion bash') next='' flags='' ;;
    'version') next='' flags='' ;;
    'help') next='' flags='' ;;
  esac
  if [[ $cur == -* ]]; then
    next="$flags --config --socket --url --local --json --no-color --help --version"
  fi
  mapfile -t COMPREPLY < <(compgen -W "$next" -- "$cur")
  if [[ -z $next && $cur != -* ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
  fi
}

# True for the words of a command, or the first of them.
_triagectl_words() {
  case $1 in
    'status') return 0 ;;
    'incidents') return 0 ;;
    'show') return 0 ;;
    'evidence') return 0 ;;
    'proposals') return 0 ;;
    'explain') return 0 ;;
    'explain incident') return 0 ;;
    'model') return 0 ;;
    'look') return 0 ;;
    'replay') return 0 ;;
    'alarms') return 0 ;;
    'verbs') return 0 ;;
    'approve') return 0 ;;
    'reject') return 0 ;;
    'edit') return 0 ;;
    'undo') return 0 ;;
    'settle') return 0 ;;
    'propose') return 0 ;;
    'kill-switch') return 0 ;;
    'kill-switch status') return 0 ;;
    'kill-switch engage') return 0 ;;
    'kill-switch release') return 0 ;;
    'doctor') return 0 ;;
    'backfill') return 0 ;;
    'jobs') return 0 ;;
    'jobs retry') return 0 ;;
    'quarantine') return 0 ;;
    'quarantine retry') return 0 ;;
    'audit') return 0 ;;
    'audit list') return 0 ;;
    'audit show') return 0 ;;
    'audit verify') return 0 ;;
    'audit export') return 0 ;;
    'init') return 0 ;;
    'rules') return 0 ;;
    'rules list') return 0 ;;
    'rules check') return 0 ;;
    'rules try') return 0 ;;
    'sources') return 0 ;;
    'sources check') return 0 ;;
    'sources try') return 0 ;;
    'policy') return 0 ;;
    'policy check') return 0 ;;
    'policy try') return 0 ;;
    'policy standing') return 0 ;;
    'policy standing list') return 0 ;;
    'policy standing add') return 0 ;;
    'policy standing revoke') return 0 ;;
    'user') return 0 ;;
    'user list') return 0 ;;
    'user add') return 0 ;;
    'user role') return 0 ;;
    'user disable') return 0 ;;
    'user enable') return 0 ;;
    'user token') return 0 ;;
    'user token new') return 0 ;;
    'user token revoke') return 0 ;;
    'completion') return 0 ;;
    'completion bash') return 0 ;;
    'version') return 0 ;;
    'help') return 0 ;;
  esac
  return 1
}
complete -F _triagectl triagectl
