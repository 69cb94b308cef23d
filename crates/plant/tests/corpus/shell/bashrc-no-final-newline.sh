# ~/.bashrc: executed by bash for non-login shells.

case $- in
    *i*) ;;
      *) return;;
esac

HISTCONTROL=ignoreboth
shopt -s histappend
export EDITOR=vim
export PATH="$HOME/bin:$PATH"   # mine first

if [ -x /usr/bin/dircolors ]; then
    test -r ~/.dircolors && eval "$(dircolors -b ~/.dircolors)" || eval "$(dircolors -b)"
    alias ls='ls --color=auto'
fi
alias ll='ls -alF'
export TWILIO_PROFILE='main'
alias gs='git status'