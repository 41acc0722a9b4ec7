"""Names that a C or C++ compiler does not accept for a global array.

Sources: ISO C, 6.4.1 (keywords) and 7.1.3 (reserved identifiers), editions 1989 to 2023; ISO C++, [lex.key],
[lex.digraph] and [reserved.names], editions 1998 to 2023.
"""

from __future__ import annotations

_C_KEYWORDS = frozenset(
    """
    auto break case char const continue default do double else enum extern float for goto if int long register return
    short signed sizeof static struct switch typedef union unsigned void volatile while
    inline restrict _Bool _Complex _Imaginary
    _Alignas _Alignof _Atomic _Generic _Noreturn _Static_assert _Thread_local
    alignas alignof bool constexpr false nullptr static_assert thread_local true typeof typeof_unqual _BitInt
    _Decimal128 _Decimal32 _Decimal64
    """.split()  # noqa: SIM905
)
#: Including the alternative spellings of operators, and the keywords for C++20 modules.
_CPP_KEYWORDS = frozenset(
    """
    and and_eq asm auto bitand bitor bool break case catch char class compl const const_cast continue default delete do
    double dynamic_cast else enum explicit export extern false float for friend goto if inline int long mutable
    namespace new not not_eq operator or or_eq private protected public register reinterpret_cast return short signed
    sizeof static static_cast struct switch template this throw true try typedef typeid typename union unsigned using
    virtual void volatile wchar_t while xor xor_eq
    alignas alignof char16_t char32_t constexpr decltype noexcept nullptr static_assert thread_local
    char8_t concept consteval constinit co_await co_return co_yield import module requires
    """.split()  # noqa: SIM905
)
#: Extensions that GCC and Clang enable by default, and macros that GCC defines.
_COMPILER_KEYWORDS = frozenset({"asm", "fortran", "linux", "near", "far", "pascal", "typeof", "unix", "i386"})
#: Names of <stddef.h>, which the header includes, and of <stdint.h>, which every TFLite Micro program includes.
_TYPES = frozenset(
    """
    NULL max_align_t nullptr_t offsetof ptrdiff_t rsize_t size_t unreachable
    int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t intptr_t uintptr_t intmax_t uintmax_t
    """.split()  # noqa: SIM905
)
#: Functions of the C library whose names are reserved for external linkage, and that a model may have.
_LIBRARY = frozenset(
    """
    main errno environ
    isalnum isalpha isblank iscntrl isdigit isgraph islower isprint ispunct isspace isupper isxdigit tolower toupper
    acos acosh asin asinh atan atan2 atanh cbrt ceil copysign cos cosh erf erfc exp exp2 expm1 fabs fdim floor fma fmax
    fmin fmod frexp gamma hypot ilogb j0 j1 jn ldexp lgamma llrint llround log log10 log1p log2 logb lrint lround modf
    nan nearbyint nextafter nexttoward pow remainder remquo rint round scalb scalbln scalbn signbit significand sin
    sinh sqrt tan tanh tgamma trunc y0 y1 yn
    cabs cacos carg casin catan ccos cexp cimag clog conj cpow cproj creal csin csqrt ctan
    abort abs alloca atexit atof atoi atol atoll bsearch calloc div exit free getenv labs ldiv llabs lldiv malloc mblen
    qsort rand random realloc srand strtod strtof strtol strtoll strtoul strtoull system
    bcmp bcopy bzero ffs index memchr memcmp memcpy memmove memset rindex strcasecmp strcat strchr strcmp strcoll
    strcpy strcspn strdup strerror strlen strncat strncmp strncpy strndup strpbrk strrchr strspn strstr strtok strxfrm
    asctime clock ctime difftime gmtime localtime mktime strftime time
    longjmp raise setjmp signal
    clearerr fclose feof ferror fflush fgetc fgets fopen fprintf fputc fputs fread freopen fscanf fseek fsetpos ftell
    fwrite getc getchar gets perror printf putc putchar puts remove rename rewind scanf setbuf setvbuf snprintf sprintf
    sscanf stderr stdin stdout tmpfile tmpnam ungetc vfprintf vprintf vscanf vsnprintf vsprintf vsscanf
    access close dup execl execv fork kill link open pause pipe read select send sleep socket stat unlink usleep wait
    write
    """.split()  # noqa: SIM905
)

#: Headers of the C library, which a file ``name.h`` in the include path would hide.
_HEADERS = frozenset(
    """
    assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic
    stdbit stdbool stdckdint stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype
    """.split()  # noqa: SIM905
)

RESERVED_NAMES = _C_KEYWORDS | _CPP_KEYWORDS | _COMPILER_KEYWORDS | _TYPES | _LIBRARY | _HEADERS
